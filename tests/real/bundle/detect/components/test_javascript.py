"""JavaScript libraries from npm: renamed, without comments and minified again, and joined into one file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from bundle.detect.components import Components
from bundle.detect.components.content import ContentChecks
from bundle.detect.components.load import shipped
from bundle.walk.member import Member

LIBRARIES = (
    # component, package, file, version as it is written in the file
    ("jquery", "jquery@1.12.4", "dist/jquery.js", "1.12.4"),
    ("jquery", "jquery@3.4.1", "dist/jquery.min.js", "3.4.1"),
    ("jquery-ui", "jquery-ui@1.13.3", "dist/jquery-ui.js", "1.13.3"),
    ("jquery-migrate", "jquery-migrate@1.4.1", "dist/jquery-migrate.js", "1.4.1"),
    ("bootstrap", "bootstrap@3.3.7", "dist/js/bootstrap.js", "3.3.7"),
    ("bootstrap", "bootstrap@4.6.2", "dist/js/bootstrap.min.js", "4.6.2"),
    ("angularjs", "angular@1.5.8", "angular.js", "1.5.8"),
    ("handlebars", "handlebars@4.0.5", "dist/handlebars.js", "4.0.5"),
    ("moment", "moment@2.18.1", "moment.js", "2.18.1"),
    ("lodash", "lodash@4.17.4", "lodash.js", "4.17.4"),
    ("underscore", "underscore@1.8.3", "underscore.js", "1.8.3"),
    ("yui", "yui@3.18.1", "yui/yui-min.js", "3.18.1"),
    ("extjs", "extjs-gpl@6.2.0", "build/ext-all.js", "6.2.0.981"),
    ("dojo", "dojo@1.10.4", "_base/kernel.js", "1.10.4"),
    ("mootools", "mootools@1.5.2", "lib/mootools-core-1.5.2-server.js", "1.5.2"),
    ("tinymce", "tinymce@4.9.2", "tinymce.min.js", "4.9.2"),
    ("ckeditor", "ckeditor@4.11.4", "ckeditor.js", "4.11.4"),
    ("knockout", "knockout@3.4.2", "build/output/knockout-latest.debug.js", "3.4.2"),
    ("vue", "vue@2.5.13", "dist/vue.js", "2.5.13"),
    ("dompurify", "dompurify@2.0.7", "dist/purify.js", "2.0.7"),
    ("axios", "axios@0.18.0", "dist/axios.js", "0.18.0"),
    ("datatables", "datatables@1.10.18", "media/js/jquery.dataTables.js", "1.10.18"),
    ("select2", "select2@4.0.3", "dist/js/select2.js", "4.0.3"),
)
CURRENT = (
    ("jquery@4.0.0", "dist/jquery.js"),
    ("jquery-migrate@3.5.2", "dist/jquery-migrate.js"),
    ("bootstrap@5.3.3", "dist/js/bootstrap.js"),
    ("bootstrap@5.3.3", "dist/css/bootstrap.css"),
    ("knockout@3.5.1", "build/output/knockout-latest.js"),
    ("vue@3.5.12", "dist/vue.global.js"),
    ("moment@2.30.1", "min/moment.min.js"),
    ("dojo@1.17.3", "_base/kernel.js"),
)


@pytest.fixture(scope="module")
def contents() -> ContentChecks:
    return ContentChecks(shipped())


def seen(contents: ContentChecks, content: bytes) -> dict[str, tuple[str, ...]]:
    member = Member(parts=("u.zip", "a01.js"), kind="file", size=len(content), content=content)
    return {s.component.id: s.versions for s in contents.seen(member)}


@pytest.mark.parametrize(("component", "package", "file", "version"), LIBRARIES, ids=str)
def test_renamed(
    npm: Callable[[str], Path], contents: ContentChecks, component: str, package: str, file: str, version: str
) -> None:
    found = seen(contents, (npm(package) / "package" / file).read_bytes())
    assert found == {component: (version,)}


@pytest.mark.parametrize(("package", "file"), CURRENT)
def test_current_versions_are_not_reported(
    npm: Callable[[str], Path], components: Components, package: str, file: str
) -> None:
    content = (npm(package) / "package" / file).read_bytes()
    assert not list(components.check(Member(parts=(file,), kind="file", content=content), "u"))
