"""An OSV export beside the bundle: ranges and versions as the schema says, per ecosystem; and the result cache."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from bundle import audit
from bundle.detect import detectors
from bundle.detect.components import Components, detector
from bundle.detect.components.osv import Osv
from bundle.walk.member import Member
from hardening.cli.bundle_audit import command
from hardening.errors import DataError, InputError
from hardening.findings import Severity


def advisory(
    name: str, ecosystem: str, package: str, events: list[dict[str, str]], **more: Any
) -> dict[str, Any]:
    affected = {
        "package": {"ecosystem": ecosystem, "name": package},
        "ranges": [{"type": "ECOSYSTEM", "events": events}],
    }
    return {"id": name, "affected": [affected], **more}


EXPORT = (
    advisory("GHSA-1", "npm", "left-pad", [{"fixed": "1.3.0"}, {"introduced": "0"}], aliases=["CVE-2099-1"],
             database_specific={"severity": "HIGH"}),
    advisory("GHSA-2", "npm", "left-pad", [{"introduced": "1.0.0"}, {"last_affected": "1.1.0"}]),
    advisory("GHSA-3", "Maven", "commons-io:commons-io", [{"introduced": "2.0"}, {"fixed": "2.14.0"}]),
    advisory("DSA-4", "Debian:12", "adminer", [{"introduced": "0"}, {"fixed": "5.2.1+dfsg-1"}]),
    advisory("GHSA-5", "npm", "left-pad", [{"introduced": "0"}], withdrawn="2020-01-01T00:00:00Z"),
    {"id": "X-6", "affected": [{"package": {"ecosystem": "npm", "name": "one"}, "versions": ["1.0.0-odd"]}]},
    {"id": "X-7", "affected": [{"ranges": [{"type": "GIT", "repo": "r", "events": [{"introduced": "0"}]}]}]},
)  # fmt: skip


@pytest.fixture
def export(tmp_path: Path) -> Path:
    folder = tmp_path / "osv"
    folder.mkdir()
    for one in EXPORT[:4]:
        (folder / f"{one['id']}.json").write_text(json.dumps(one))
    with zipfile.ZipFile(folder / "all.zip", "w") as packed:
        for one in EXPORT[4:]:
            packed.writestr(f"{one['id']}.json", json.dumps(one))
    return folder


@pytest.mark.parametrize(
    ("purl", "ids"),
    [
        ("pkg:npm/left-pad@1.0.5", ["CVE-2099-1", "GHSA-2"]),
        ("pkg:npm/left-pad@1.2.0", ["CVE-2099-1"]),
        ("pkg:npm/left-pad@1.3.0", []),
        ("pkg:npm/one@1.0.0-odd", ["X-6"]),
        ("pkg:maven/commons-io/commons-io@2.11.0", ["GHSA-3"]),
        ("pkg:maven/commons-io/commons-io@2.14.0", []),
        ("pkg:deb/adminer@4.8.1-2", ["DSA-4"]),
        ("pkg:deb/adminer@5.2.1+dfsg-1", []),
        ("pkg:npm/unknown@1", []),
        ("pkg:npm/left-pad", []),
    ],
)
def test_ranges(export: Path, purl: str, ids: list[str]) -> None:
    assert [a.id for a in Osv.load(export).affecting(purl)] == ids


def test_packages_and_recognised_components_are_matched(export: Path) -> None:
    found = detector(osv=export)
    json_file = Member(
        parts=("n/package.json",), kind="file", content=b'{"name":"left-pad","version":"1.0.5"}'
    )
    (finding,) = found.check(json_file, "u")
    assert (finding.rule.id, finding.level, finding.message) == (
        "component/osv", Severity.HIGH, "left-pad 1.0.5: CVE-2099-1, GHSA-2",
    )  # fmt: skip
    pom = Member(parts=("META-INF/maven/a/b/pom.properties",), kind="file",
                 content=b"version=2.11.0\ngroupId=commons-io\nartifactId=commons-io\n")  # fmt: skip
    assert [f.message for f in found.check(pom, "u")] == ["commons-io/commons-io 2.11.0: GHSA-3"]
    lock = json.dumps({"packages": [{"name": "a/b", "version": "v1.0"}, {"name": 1}, 2]}).encode()
    assert not list(found.check(Member(parts=("composer.lock",), kind="file", content=lock), "u"))


def test_a_folder_that_is_no_export_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such folder"):
        Osv.load(tmp_path / "absent")
    with pytest.raises(InputError, match="no OSV document"):
        Osv.load(tmp_path)
    for name, content in (("a.json", b"[1]"), ("b.json", b"{"), ("c.zip", b"PK")):
        folder = tmp_path / name[0]
        folder.mkdir()
        (folder / name).write_bytes(content)
        with pytest.raises(DataError, match=name):
            Osv.load(folder)


def test_the_command_takes_it(export: Path, tmp_path: Path) -> None:
    bundle, report = tmp_path / "u.zip", tmp_path / "r.json"
    with zipfile.ZipFile(bundle, "w") as packed:
        packed.writestr("app/node_modules/left-pad/package.json", '{"name": "left-pad", "version": "1.2.0"}')
    arguments = [str(bundle), "--osv", str(export), "--format", "json", "-o", str(report)]
    assert CliRunner().invoke(command, arguments, standalone_mode=False).return_value == 10
    said = json.loads(report.read_text())
    assert [f["message"] for f in said["findings"]] == ["left-pad 1.2.0: CVE-2099-1"]


def test_a_cached_result_does_not_outlive_the_rules_it_was_made_with(tmp_path: Path) -> None:
    bundle, deny, cache = tmp_path / "u.zip", tmp_path / "deny.toml", tmp_path / "cache"
    package = json.dumps({"name": "left-pad", "version": "1.0.0", "description": "x" * 500})
    with zipfile.ZipFile(bundle, "w") as packed:
        packed.writestr("n/package.json", package)
    assert not audit(bundle, detectors=detectors(), cache=cache, jobs=1).findings
    deny.write_text('[[deny]]\npurls = ["pkg:npm/left-pad"]\nreason = "withdrawn"\n')
    run = audit(bundle, detectors=detectors((deny,)), cache=cache, jobs=1)
    assert [f.rule.id for f in run.findings] == ["component/denied"]
    assert Components().base != detector((deny,)).base
