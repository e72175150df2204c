"""JavaScript libraries from npm: renamed, without comments and minified again, and joined into one file."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from bundle.detect.components.content import ContentChecks
from tests.real.bundle.detect.components.test_javascript import LIBRARIES, contents, seen

__all__ = ["contents"]


JOINED = ("jquery", "jquery-ui", "bootstrap", "angularjs", "handlebars", "moment", "lodash", "underscore",
          "knockout", "vue", "dompurify", "datatables")  # fmt: skip


Minify = Callable[[bytes], bytes]


@pytest.fixture(scope="module")
def minify(npm_program: Callable[[str, str], Path]) -> Minify:
    terser = npm_program("terser@5.31.0", "terser")

    def minified(content: bytes) -> bytes:
        command = [str(terser), "-c", "-m", "--comments", "false"]
        return subprocess.run(command, input=content, capture_output=True, timeout=300, check=True).stdout

    return minified


def test_minified_again_without_comments(
    npm: Callable[[str], Path], contents: ContentChecks, minify: Minify
) -> None:
    lost = [
        f"{component} {version}"
        for component, package, file, version in LIBRARIES
        if seen(contents, minify((npm(package) / "package" / file).read_bytes())).get(component) != (version,)
    ]
    # these two say their version in a comment alone
    assert lost == ["axios 0.18.0", "select2 4.0.3"]


def test_twelve_joined_and_minified_again(
    npm: Callable[[str], Path], contents: ContentChecks, minify: Minify
) -> None:
    first = {component: (package, file, version) for component, package, file, version in reversed(LIBRARIES)}
    chosen = {component: first[component] for component in JOINED}
    joined = b"\n;\n".join((npm(p) / "package" / f).read_bytes() for p, f, _ in chosen.values())
    found = seen(contents, minify(joined))
    assert found == {component: (version,) for component, (_, _, version) in chosen.items()}
