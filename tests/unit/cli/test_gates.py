"""Gates that survive a release: fingerprints, baselines, waivers, ignore files, markers and changed files."""

from __future__ import annotations

import io
import json
import secrets
import zipfile
from pathlib import Path
from typing import Any

import pytest

from hardening.cli import run as harden

LATER = "2999-12-31"
PASSWORD = secrets.token_urlsafe(18)
PHP = f"<?php\n$db_password = '{PASSWORD}';\nmysql_connect('db', 'root', '{PASSWORD}');\n".encode()


def zipped(members: dict[str, bytes], *, backwards: bool = False) -> bytes:
    body = io.BytesIO()
    with zipfile.ZipFile(body, "w") as archive:
        for name, content in sorted(members.items(), reverse=backwards):
            archive.writestr(name, content)
    return body.getvalue()


MEMBERS = {
    "www/db.php": PHP,
    "www/more.php": PHP,
    "www/web.zip": zipped({"inner.php": PHP}),
    "readme.txt": b"text\n",
}


def report(path: Path, *more: object, to: Path | None = None) -> tuple[int, dict[str, Any]]:
    """Audit, and return the exit code and the JSON report."""
    out = to or path.parent / f"{path.name}.json"
    code = harden(["bundle", "audit", str(path), "--format", "json", "-o", str(out), *map(str, more)])
    found: dict[str, Any] = json.loads(out.read_text())
    return code, found


@pytest.fixture
def old(tmp_path: Path) -> Path:
    bundle = tmp_path / "upgrade-3.07.01.zip"
    bundle.write_bytes(zipped(MEMBERS))
    code, found = report(bundle, to=tmp_path / "base.json")
    assert code == 10
    assert len(found["findings"]) >= 3
    return tmp_path / "base.json"


@pytest.mark.parametrize(
    ("make", "deeper"),
    [
        (lambda: zipped(MEMBERS), False),
        (lambda: zipped(MEMBERS, backwards=True), False),
        (lambda: zipped({"upgrade-3.07.01.zip": zipped(MEMBERS)}), True),
    ],
    ids=["renamed", "in another order", "one archive deeper"],
)
def test_the_next_release_of_a_bundle_has_no_new_finding(
    tmp_path: Path, old: Path, make: Any, *, deeper: bool
) -> None:
    bundle = tmp_path / "upgrade-3.07.02.zip"
    bundle.write_bytes(make())
    code, found = report(bundle, "--baseline", old)
    assert code == 0
    assert all(one["known"] for one in found["findings"])
    (tmp_path / "first").mkdir()
    first = tmp_path / "first/upgrade-3.07.01.zip"
    first.write_bytes(zipped(MEMBERS))
    before, after = alerts(first), alerts(bundle, "--baseline", old)
    assert before.keys() == {"new"}
    assert len(before["new"]) == len(found["findings"])
    assert {state: len(hashes) for state, hashes in after.items()} == {"unchanged": len(before["new"])}
    if not deeper:
        assert after["unchanged"] == before["new"]


def alerts(bundle: Path, *options: object) -> dict[str, list[str]]:
    """Return the hashes by which code scanning knows an alert again, by its baseline state."""
    path = bundle.with_suffix(".sarif")
    harden(
        [
            "bundle",
            "audit",
            str(bundle),
            "--jobs",
            "1",
            "--format",
            "sarif",
            "-o",
            str(path),
            *map(str, options),
        ]
    )
    made: dict[str, list[str]] = {}
    for one in json.loads(path.read_text("utf-8"))["runs"][0]["results"]:
        state = one.get("baselineState", "new")
        made.setdefault(state, []).append(one["partialFingerprints"]["primaryLocationLineHash"])
    return {state: sorted(hashes) for state, hashes in made.items()}


def test_what_the_next_release_adds_is_new_and_what_it_loses_is_gone(
    tmp_path: Path, old: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    bundle = tmp_path / "upgrade-3.07.02.zip"
    members = {name: content for name, content in MEMBERS.items() if name != "www/more.php"}
    bundle.write_bytes(zipped({**members, "www/new.php": PHP}))
    code, found = report(bundle, "--baseline", old, to=tmp_path / "new.json")
    assert code == 10
    fresh = [one for one in found["findings"] if not one["known"]]
    assert fresh
    assert {one["location"]["path"] for one in fresh} == {f"{bundle}!/www/new.php"}
    capfd.readouterr()
    assert harden(["baseline", str(old), str(tmp_path / "new.json"), "--format", "json"]) == 10
    said = json.loads(capfd.readouterr().out)
    assert {one["location"]["path"] for one in said["new"]} == {f"{bundle}!/www/new.php"}
    assert {one["location"]["path"].rpartition("!/")[2] for one in said["gone"]} == {"www/more.php"}
    assert len(said["known"]) == len(found["findings"]) - len(said["new"])
    assert harden(["baseline", str(old), str(old)]) == 0
    assert "OK: 0 new" in capfd.readouterr().out


def test_a_folder_of_reports_is_one_baseline(tmp_path: Path, old: Path) -> None:
    folder = tmp_path / "reports"
    folder.mkdir()
    (folder / "a.json").write_bytes(old.read_bytes())
    other = tmp_path / "other.zip"
    other.write_bytes(zipped({"b.php": PHP}))
    report(other, to=folder / "b.json")
    code, _ = report(other, "--baseline", folder)
    assert code == 0
    assert harden(["baseline", str(folder), str(folder)]) == 0


def test_a_baseline_of_the_first_generation_still_counts(tmp_path: Path, old: Path) -> None:
    stored = json.loads(old.read_text())
    for one in stored["findings"]:
        one["fingerprint"] = one.pop("fingerprints")["v1"]
    old.write_text(json.dumps(stored))
    code, _ = report(tmp_path / "upgrade-3.07.01.zip", "--baseline", old)
    assert code == 0


def test_two_bundles_in_one_report_have_fingerprints_of_their_own(tmp_path: Path, old: Path) -> None:
    assert old.exists()
    folder = tmp_path / "two"
    folder.mkdir()
    for name in "ab":
        (folder / f"{name}.zip").write_bytes(zipped(MEMBERS))
    _, found = report(folder)
    names = [one["fingerprint"] for one in found["findings"]]
    assert len(set(names)) == len(names)


def test_a_bundle_has_the_name_that_is_given(tmp_path: Path, old: Path) -> None:
    assert old.exists()
    _, found = report(tmp_path / "upgrade-3.07.01.zip", "--bundle-name", "upgrade.zip")
    assert [one["id"] for one in found["subjects"]] == ["upgrade.zip"]
    assert all(one["location"]["path"].startswith("upgrade.zip!/") for one in found["findings"])
    assert harden(["bundle", "audit", str(tmp_path), "--bundle-name", "x"]) == 2


def test_one_finding_is_waived_by_its_fingerprint(
    tmp_path: Path, old: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    stored = json.loads(old.read_text())["findings"]
    waivers = tmp_path / "waivers.toml"
    for one in stored:
        words = ["--from", str(old), "--reason", 'a "test"', "--owner", "j.doe", "--expires", LATER]
        said = harden(["waive", one["fingerprint"][:12], *words, "--waivers", str(waivers)])
        assert said == 0
    bundle = tmp_path / "upgrade-3.07.02.zip"
    bundle.write_bytes(zipped(MEMBERS))
    code, found = report(bundle, "--waivers", waivers)
    assert code == 0
    assert all(one["waived"]["owner"] == "j.doe" for one in found["findings"])
    assert PASSWORD not in waivers.read_text()
    capfd.readouterr()
    again = ["waive", stored[0]["fingerprint"], "--reason", "r", "--owner", "o", "--expires", LATER]
    assert harden([*again, "--waivers", str(waivers)]) == 2
    assert "has a waiver of" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["12ab", "--expires", LATER], "is not a fingerprint"),
        (["f" * 32, "--expires", "tomorrow"], "is not a date"),
        (["f" * 32, "--expires", "2020-01-01"], "is in the past"),
        (["f" * 32, "--expires", LATER, "--owner", " "], "--owner is empty"),
    ],
)
def test_a_waiver_that_says_too_little_is_refused(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], words: list[str], said: str
) -> None:
    base = ["waive", "--reason", "r", "--owner", "o", "--waivers", str(tmp_path / "w.toml")]
    assert harden([*base, *words]) == 2
    assert said in capfd.readouterr().err
    assert not (tmp_path / "w.toml").exists()


def ignoring(path: Path, place: str, expires: str = LATER) -> Path:
    rows = f'[[ignore]]\nplace = "{place}"\nreason = "reviewed"\nowner = "j.doe"\nexpires = {expires}\n'
    path.write_text(rows)
    return path


def test_an_ignore_file_leaves_out_and_the_verdict_counts_it(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "src"
    folder.mkdir()
    (folder / "db.php").write_bytes(PHP)
    rows = ignoring(tmp_path / "ignore.toml", "*db.php")
    code, found = report(folder, "--ignore-file", rows)
    assert code == 0
    assert {one["left_out"] for one in found["findings"]} == {"ignore file"}
    assert {one["waived"]["owner"] for one in found["findings"]} == {"j.doe"}
    assert harden(["bundle", "audit", str(folder), "--ignore-file", str(rows)]) == 0
    assert f"{len(found['findings'])} left out (ignore file)" in capfd.readouterr().out
    assert report(folder, "--ignore-file", ignoring(rows, "*db.php", "2020-01-01"))[0] == 10
    assert report(folder, "--ignore-file", ignoring(rows, "*other.php"))[0] == 10


def test_an_ignore_file_inside_what_is_audited_is_refused(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "db.php").write_bytes(PHP)
    rows = ignoring(tmp_path / "ignore.toml", "*")
    assert harden(["bundle", "audit", str(tmp_path), "--ignore-file", str(rows)]) == 2
    assert "is inside the audited folder" in capfd.readouterr().err


def test_a_marker_in_the_input_counts_only_where_it_is_trusted(tmp_path: Path) -> None:
    folder = tmp_path / "src"
    folder.mkdir()
    marked = PHP.replace(b"';\n", b"'; // harden:ignore[credential/*] a fixture\n")
    (folder / "db.php").write_bytes(
        marked.replace(b"');\n", b"'); // harden:ignore[credential/*] a fixture\n")
    )
    assert report(folder)[0] == 10
    code, found = report(folder, "--trust-inline-ignores")
    assert code == 0
    assert {one["left_out"] for one in found["findings"]} == {"inline marker"}
    assert {one["waived"]["reason"] for one in found["findings"]} == {"a fixture"}
    (folder / "db.php").write_bytes(marked.replace(b"credential/*", b"component/x"))
    assert report(folder, "--trust-inline-ignores")[0] == 10


@pytest.mark.parametrize("verb", ["host audit", "host apply", "upgrade apply", "upgrade plan", "bundle sign"])
def test_no_marker_counts_on_hosts_in_upgrades_and_in_what_is_signed(
    verb: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert harden([*verb.split(), "--trust-inline-ignores"]) == 2
    assert "No such option" in capfd.readouterr().err


def test_only_changed_files_count_and_the_verdict_says_what_is_left_out(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / "src/old.php").write_bytes(PHP)
    (tmp_path / "src/new.php").write_bytes(b"<?php echo 1;\n")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "changed").write_text("src/new.php\n")
    assert harden(["bundle", "audit", "src", "--changed", "changed"]) == 0
    assert "left out (unchanged file)" in capfd.readouterr().out
    (tmp_path / "changed").write_text("./src/old.php\n")
    assert harden(["bundle", "audit", "src", "--changed", "changed"]) == 10
    (tmp_path / "changed").write_text("old.php\n")  # as git names it in src/
    assert harden(["bundle", "audit", "src", "--changed", "changed"]) == 10


def test_roles_and_confidence_that_are_not_asked_for_are_left_out(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "src/tests").mkdir(parents=True)
    (tmp_path / "src/tests/gate.ini").write_text('db_user = "feed"\ndb_password = "k7Qz9mW2xVt4"\n')
    monkeypatch.chdir(tmp_path)
    audit = ["bundle", "audit", "src", "--fail-on", "low"]
    assert harden(audit) == harden([*audit, "--role", "test"]) == 10
    assert harden([*audit, "--min-confidence", "medium"]) == 10
    capfd.readouterr()
    assert harden([*audit, "--role", "product", "--role", "vendored"]) == 0
    assert "left out (role)" in capfd.readouterr().out
    assert harden([*audit, "--min-confidence", "high"]) == 0
    assert "left out (confidence)" in capfd.readouterr().out


HARMLESS = {
    "a.yml": b"a: b\n", "a.json": b"{}\n", "a.md": b"# A\n", "a.py": b"a = 1\n", "a.xml": b"<a/>\n",
    "a.properties": b"a=b\n", "a.php": b"<?php echo 1;\n", "a.sh": b"#!/bin/sh\necho 1\n",
}  # fmt: skip


def test_harmless_files_are_clean_by_name_together_and_as_a_folder(tmp_path: Path) -> None:
    for name, content in HARMLESS.items():
        (tmp_path / name).write_bytes(content)
        assert harden(["bundle", "audit", str(tmp_path / name)]) == 0, name
    assert harden(["bundle", "audit", *(str(tmp_path / name) for name in HARMLESS)]) == 0
    assert harden(["bundle", "audit", str(tmp_path)]) == 0


def test_data_of_an_unknown_kind_passes_as_a_file_of_a_tree_and_never_as_a_bundle(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    data = tmp_path / "logo.ico"
    data.write_bytes(bytes(range(256)) * 9)
    assert harden(["bundle", "audit", str(data)]) == 3
    assert harden(["bundle", "audit", "--files", str(data)]) == 0
    for name, content in HARMLESS.items():
        (tmp_path / name).write_bytes(content)
    capfd.readouterr()
    assert harden(["bundle", "audit", "--files", *(str(one) for one in tmp_path.iterdir())]) == 0
    said = capfd.readouterr().out
    assert said.count("nothing found") == 1
    assert all(str(one) in said for one in tmp_path.iterdir())
