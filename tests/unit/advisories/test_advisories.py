"""Answers to advisories: by release and by evidence, on hosts and in bundles, and never clean where nothing was read."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from hardening import products
from hardening.advisories import table as tables
from hardening.advisories.judge import AdvisoryAnswer, Status, answers
from hardening.advisories.seen import Seen, of_bundle, of_host
from hardening.cli import run
from hardening.errors import ExitCode
from hardening.findings import InFile, OnWire
from hardening.host import checks, gather
from hardening.host.checks.root import Root
from tests.support.products import layout

PACK = products.load("aspect")
COUNT = len(PACK.advisories)


def answered(seen: Seen) -> dict[str, AdvisoryAnswer]:
    return {one.advisory.id: one for one in answers(PACK.advisories, seen)}


def on_host(top: Path, **more: Any) -> dict[str, AdvisoryAnswer]:
    return answered(of_host(PACK, Root(top, **more)))


def tally(found: dict[str, AdvisoryAnswer]) -> dict[str, int]:
    return {status.value: sum(one.status is status for one in found.values()) for status in Status}


@pytest.mark.parametrize(
    ("release", "counts"),
    [
        ("3.07.00", (113, 3, 0, 2)),
        ("3.08.02", (65, 42, 9, 2)),
        ("3.08.03", (27, 53, 36, 2)),
        ("3.08.04-s01", (5, 74, 37, 2)),
        ("4.00.00", (4, 75, 37, 2)),
    ],
)
def test_each_advisory_is_answered_by_the_release(
    tmp_path: Path, release: str, counts: tuple[int, ...]
) -> None:
    found = on_host(layout.host(tmp_path, release))
    assert tuple(tally(found).values()) == counts
    assert sum(counts) == COUNT
    assert all(one.because for one in found.values())


@pytest.mark.parametrize(
    ("release", "name", "status"),
    [
        ("3.07.01", "ZSL-2024-5830", Status.AFFECTED),
        ("3.07.02", "ZSL-2024-5830", Status.FIXED),
        ("3.08.02", "ZSL-2024-5827", Status.FIXED),
        ("3.08.01", "ZSL-2024-5827", Status.AFFECTED),
        ("3.08.02", "ZSL-2024-5832", Status.UNDER_INVESTIGATION),  # no source states a fix
        ("3.08.02", "ZSL-2024-5867", Status.AFFECTED),  # named up to 3.08.01; its CVE is fixed in 3.08.03
        ("3.08.02", "ZSL-2024-5849", Status.AFFECTED),
        ("3.08.01", "ZSL-2024-5849", Status.UNDER_INVESTIGATION),  # 3.08.02 alone is named
        ("3.08.04", "CVE-2025-53187", Status.AFFECTED),
        ("3.08.04-s01", "CVE-2025-53187", Status.FIXED),
        ("99.0", "CVE-2025-7677", Status.AFFECTED),  # every release
        ("3.99", "CVE-2024-13955", Status.AFFECTED),
        ("4.00.00", "CVE-2024-13955", Status.UNDER_INVESTIGATION),
        ("3.08.03", "ZSL-2025-5951", Status.NOT_AFFECTED),  # of the workstation
    ],
)
def test_a_release_at_the_edge_of_a_range(tmp_path: Path, release: str, name: str, status: Status) -> None:
    assert on_host(layout.host(tmp_path, release))[name].status is status


def test_evidence_is_named_with_its_place(tmp_path: Path) -> None:
    top = layout.host(tmp_path, "3.07.01", files={"home/MIX_CMIX/lib/mix.jar": b"PK\5\6" + bytes(18)})
    found = on_host(top, label="site", listening=({"port": 7226, "process": "java", "pid": 1},))
    proxy = {str(one): place for one, place in found["ZSL-2024-5853"].evidence}
    assert proxy["page jsonProxy.php"] == InFile(("/home/MIX_CMIX/htmlroot/jsonProxy.php",))
    assert proxy["port 7226"] == OnWire("site:7226")
    assert "jar mix.jar" in [str(one) for one, _ in found["ZSL-2025-5939"].evidence]


def test_a_page_that_was_deleted_is_not_affected(tmp_path: Path) -> None:
    pages = [page for page in layout.PAGES if page != "networkDiagAjax.php"]
    found = on_host(layout.host(tmp_path, "3.08.01", pages=pages))
    assert found["ZSL-2024-5844"].status is Status.NOT_AFFECTED
    assert found["ZSL-2024-5844"].justification == "vulnerable_code_not_present"
    assert found["ZSL-2024-5845"].status is Status.AFFECTED


def test_a_page_that_may_be_there_is_affected(tmp_path: Path) -> None:
    pages = [page for page in layout.PAGES if page != "networkDiagAjax.php"]
    top = layout.host(tmp_path, "3.08.01", pages=pages)
    closed = {"/home/MIX_CMIX/htmlroot/network": "cannot be read: permission denied"}
    seen = of_host(PACK, Root(top, left=closed))
    assert answered(seen)["ZSL-2024-5844"].status is Status.AFFECTED
    assert seen.gaps == tuple(closed.items())


def test_one_of_several_pages_is_enough(tmp_path: Path) -> None:
    found = on_host(layout.host(tmp_path, "3.08.01", pages=["auth/sessionCreate.php"]))
    assert found["ZSL-2024-5851"].status is Status.AFFECTED
    assert [str(one) for one, _ in found["ZSL-2024-5851"].evidence] == ["page auth/sessionCreate.php"]


@pytest.mark.parametrize("release", ["3.08.04-s01", ""])
@pytest.mark.parametrize("line", ["guest={}", " GUEST = {} ", "guest:{}\r"])
def test_a_default_password_counts_whatever_the_release(tmp_path: Path, release: str, line: str) -> None:
    stored = PACK.fact("accounts", "guest").text("stored")
    text = "#Users\naamuser=31\n" + line.format(stored) + "\n"
    found = on_host(layout.host(tmp_path, release, files={f"{layout.WEB}/user.properties": text}))
    assert found["CVE-2024-51551"].status is Status.AFFECTED
    assert found["ZSL-2024-5840"].because == "a published default password is still in place"


@pytest.mark.parametrize("line", ["visitor={}", "guest={}00", "#guest={}"])
def test_another_password_is_not_the_default(tmp_path: Path, line: str) -> None:
    text = line.format(PACK.fact("accounts", "guest").text("stored")) + "\n"
    found = on_host(layout.host(tmp_path, "3.08.03", files={f"{layout.WEB}/user.properties": text}))
    assert found["CVE-2024-51551"].status is Status.FIXED


def test_what_an_earlier_package_left_is_affected_in_a_fixed_release(tmp_path: Path) -> None:
    config = (
        f"<?php $cfg['controluser'] = 'root'; $cfg['controlpass'] = '{layout.published('database-root')}';\n"
    )
    name = "var/www/html/phpMyAdmin/config.inc.php"
    left = on_host(layout.host(tmp_path / "left", "3.08.03", files={name: config}))["ZSL-2024-5830"]
    assert left.status is Status.AFFECTED
    assert {place for _, place in left.evidence} == {InFile((f"/{name}",))}
    changed = config.replace(layout.published("database-root"), "Another-1")
    cleaned = on_host(layout.host(tmp_path / "changed", "3.08.03", files={name: changed}))["ZSL-2024-5830"]
    assert (cleaned.status, len(cleaned.evidence)) == (Status.FIXED, 1)


def test_without_a_release_everything_stays_open(tmp_path: Path) -> None:
    found = on_host(layout.host(tmp_path, ""))
    assert tally(found) == {"affected": 0, "under_investigation": COUNT - 2, "fixed": 0, "not_affected": 2}
    assert "a sign that the advisory names was found" in found["ZSL-2024-5844"].because
    assert "no sign that the advisory names was found" in found["CVE-2024-9639"].because


@pytest.mark.parametrize(
    ("text", "release", "note"),
    [
        ("runtime.ver=v3.07.01\nrelease.version=v3.07.02\n", "3.07.02", ""),
        ("release.version : 3.08.04-s01\r\n", "3.08.04-s01", ""),
        ("runtime.ver=v3.08.03\naam.os.release.version=v0.00.99\n", "3.08.03", ""),
        ("release.version=latest\n", "", "states no release in a known form"),
        ("", "", "states no release in a known form"),
    ],
)
def test_the_release_file_is_read_in_its_published_form(
    tmp_path: Path, text: str, release: str, note: str
) -> None:
    name = f"{layout.WEB}/runtime/release.properties"
    seen = of_host(PACK, Root(layout.host(tmp_path, "", files={name: text})))
    assert seen.release == release
    assert note in "".join(seen.notes)


def test_a_copy_of_a_host_shows_what_the_host_shows(tmp_path: Path) -> None:
    top = layout.host(tmp_path / "host", "3.07.01")
    copy = gather.here(top, tmp_path / "copy", checks.wanted())
    assert copy.copy is not None
    brought = Root(copy.copy, label=str(top), left=copy.left)
    there, here = of_host(PACK, Root(top)), of_host(PACK, brought)
    assert (there.release, there.found, there.gaps) == (here.release, here.found, here.gaps)
    assert here.whole_web_root


def test_a_bundle_is_looked_at_through_its_nestings(tmp_path: Path) -> None:
    name = "var/www/html/phpMyAdmin/config.inc.php"
    files = {name: f"root {layout.published('database-root')}"}
    path = layout.bundle(layout.host(tmp_path / "root", "3.07.01", files=files), tmp_path / "upgrade.aam")
    seen = of_bundle(PACK, str(path))
    found = answered(seen)
    assert seen.release == "3.07.01"
    assert found["ZSL-2024-5830"].evidence[0][1] == InFile((str(path), "payload.tar.gz", f"max/{name}"))
    assert found["ZSL-2024-5844"].evidence[0][1] == InFile(
        (str(path), "payload.tar.gz", f"max/{layout.WEB}/networkDiagAjax.php")
    )


def test_a_page_that_a_bundle_lacks_may_be_on_the_host(tmp_path: Path) -> None:
    path = layout.bundle(layout.host(tmp_path / "root", "3.08.01", pages=()), tmp_path / "upgrade.aam")
    assert answered(of_bundle(PACK, str(path)))["ZSL-2024-5844"].status is Status.AFFECTED


def test_releases_that_differ_are_no_release(tmp_path: Path) -> None:
    top = layout.host(tmp_path / "root", "3.07.01")
    other = tmp_path / "root/other/runtime/release.properties"
    other.parent.mkdir(parents=True)
    other.write_text("release.version=v3.08.00\n")
    seen = of_bundle(PACK, str(top))
    assert seen.release == ""
    assert seen.notes == ("several releases are stated: 3.07.01, 3.08.00",)


# -- the command ------------------------------------------------------------------------------------------


def harden(capsys: pytest.CaptureFixture[str], *words: str | Path) -> tuple[int, str, str]:
    code = run(["advisories", *map(str, words)])
    said = capsys.readouterr()
    return code, said.out, said.err


def test_the_text_begins_with_the_summary_and_fits_a_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    top = layout.host(tmp_path / "host", "3.07.01")
    code, out, _ = harden(capsys, "--root", top)
    assert code == ExitCode.FINDINGS
    lines = out.splitlines()
    assert lines[0] == str(top)
    assert "affected" in lines[1]
    assert "Release 3.07.01" in out
    assert [
        line for line in lines if len(line) > 80 and str(top) not in line and "https://" not in line
    ] == []
    words = " ".join(out.split())
    assert f"{COUNT} advisories as of 2026-08-07, " in words
    assert "ZSL-2024-5830, CVE-2024-4007: The install package brings phpMyAdmin" in words
    assert "what this toolkit can do" in words
    assert "ZSL-2025-5951" not in words
    assert "ZSL-2025-5951" in harden(capsys, "--root", top, "-v")[1]


@pytest.mark.parametrize("form", ["json", "sarif", "junit", "html", "markdown", "github"])
def test_every_report_says_how_old_the_table_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], form: str
) -> None:
    top = layout.host(tmp_path / "host", "3.07.01")
    code, out, _ = harden(capsys, "--root", top, "--format", form)
    assert code == ExitCode.FINDINGS
    age = (date.today() - date(2026, 8, 7)).days  # noqa: DTZ011 - days are enough
    assert f"as of 2026-08-07, {age} days old" in out.replace("\\", "")


def test_the_json_report_has_a_result_for_each_advisory(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    top = layout.host(tmp_path / "host", "3.08.02")
    _, out, _ = harden(capsys, "--root", top, "--format", "json")
    body = json.loads(out)
    verdicts = [row["verdict"] for row in body["results"]]
    assert len(verdicts) == COUNT
    assert {word: verdicts.count(word) for word in sorted(set(verdicts))} == {
        "fail": 65,
        "inconclusive": 42,
        "not-applicable": 2,
        "pass": 9,
    }
    assert body["subjects"][0]["stats"]["release"] == "3.08.02"


def test_nothing_of_the_product_is_not_examined(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/debian_version").write_text("13.0\n")
    (tmp_path / "var/www/html").mkdir(parents=True)
    (tmp_path / "var/www/html/index.php").write_text("<?php\n")
    code, out, _ = harden(capsys, "--root", tmp_path)
    assert code == ExitCode.NOTHING_EXAMINED
    assert f"0 affected, {COUNT} under investigation" in out
    assert "The product was not found" in " ".join(out.split())


def test_an_unknown_release_is_partly_examined_and_can_be_stated(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    top = layout.host(tmp_path / "host", "")
    code, out, _ = harden(capsys, "--root", top)
    assert code == ExitCode.PARTLY_EXAMINED
    assert "The release is not known: state it with --release" in " ".join(out.split())
    code, out, _ = harden(capsys, "--root", top, "--release", "v3.08.02")
    assert code == ExitCode.FINDINGS
    assert "65 affected" in out


def test_a_threshold_and_open_answers_have_their_codes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    top = layout.host(tmp_path / "host", "3.08.04-s01")
    assert harden(capsys, "--root", top, "--fail-on", "never")[0] == ExitCode.PARTLY_EXAMINED
    assert harden(capsys, "--root", top)[0] == ExitCode.FINDINGS


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["x.aam", "--root", "/"], "BUNDLE, --root and -i exclude each other"),
        (["--limit", "a"], "--limit and -e need -i"),
        (["--release", "new"], "'new' is not a release"),
        (["--root", "absent"], "absent: not a folder"),
        (["absent.aam"], "absent.aam: No such file"),
        (["--product", "other"], "unknown product 'other'"),
        (["--vex", "spdx=x.json"], "'spdx=x.json' is not FORMAT=FILE"),
        (["--vex", "openvex=absent/x.json"], "cannot write absent/x.json"),
        (["--csaf", "absent"], "absent: not a folder"),
        (["--csaf", "empty"], "empty: no CSAF file"),
    ],
)
def test_bad_input_gets_one_line_and_the_next_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: list[str], said: str
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    code, out, err = harden(capsys, *words)
    assert (code, out) == (ExitCode.USAGE, "")
    assert said in err.splitlines()[0]
    assert err.splitlines()[1].startswith("  next: ")


def test_a_table_without_rows_is_named() -> None:
    assert tables.of_pack(PACK).age(date(2026, 8, 17)) == 10
    assert tables.of_pack(PACK).age(date(2020, 1, 1)) == 0


def test_a_release_file_that_is_too_large_to_be_read_is_named(tmp_path: Path) -> None:
    path = tmp_path / "package" / "htmlroot/runtime/release.properties"
    path.parent.mkdir(parents=True)
    path.write_text("release.version=v3.07.01\n" + "#\n" * (3 << 20))
    seen = of_bundle(products.load("aspect"), str(tmp_path / "package"))
    assert seen.release == ""
    assert [why for _, why in seen.gaps] == ["larger than 4 MiB: not read"]
