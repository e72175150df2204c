"""Static pages over a folder of reports: what each day changed, and what ends next."""

from __future__ import annotations

import json
import re
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from bundle.trust import keys
from hardening.cli import run as harden
from hardening.errors import ExitCode, InputError
from hardening.findings import Finding, Rule, Run, Subject, SubjectKind, in_file
from hardening.reports import render, site
from hardening.reports.stored import load, merged
from hardening.upgrade import receipt
from hardening.upgrade.admission import AdmittedUpgrade
from tests.support.reports.fixtures import PASSWORD, PROTOCOL

TODAY = date(2026, 12, 2)
FIRST = datetime(2026, 12, 1, 9, tzinfo=UTC)
JOB = AdmittedUpgrade(
    bundle="up.zip", sha256="ab" * 32, size=1, unpacked=1, product="app", release="2.0", created="", recipe={}
)


def stored(folder: Path, host: str, day: int, *rules: Rule, days_left: int = 9) -> Path:
    """Write the report of one host on one day."""
    at = FIRST + timedelta(days=day)
    ends = (TODAY + timedelta(days=days_left)).isoformat()
    subject = Subject(
        id=host, kind=SubjectKind.ENDPOINT, policies={"aspect": "fail" if rules else "pass"},
        offer={"certificates": [{"subject": f"CN={host}", "not_after": f"{ends}T00:00:00Z"}]},
    )  # fmt: skip
    found = [
        Finding(rule=rule, subject=host, location=in_file("a.conf", 1), message=f"{rule.id} here")
        for rule in rules
    ]
    made = Run.of([subject], found, started=at, finished=at)
    path = folder / f"{host}-{day}.json"
    path.write_bytes(render("json", made, fail_on=None))
    return path


@pytest.fixture
def history(tmp_path: Path) -> Path:
    folder = tmp_path / "reports"
    folder.mkdir()
    stored(folder, "a.example", 0, PASSWORD, PROTOCOL)
    stored(folder, "b.example", 0)
    stored(folder, "a.example", 1, PROTOCOL)
    return folder


def test_a_day_is_the_state_of_the_whole_fleet(history: Path, tmp_path: Path) -> None:
    with site.ReportFolder(tmp_path / "index") as index:
        assert index.add(sorted(history.iterdir())) == 3
        rows = index.rows(
            "SELECT day, subjects, critical + high + medium + low + info, new, gone FROM day ORDER BY day"
        )
        assert rows == [("2026-12-01", 2, 2, 2, 0), ("2026-12-02", 2, 1, 0, 1)]
        pages = site.pages(index, TODAY)
    drift = pages["drift.html"].decode()
    assert re.findall(r">(new|gone)</td>", drift) == ["gone", "new", "new"]
    assert "CN=b.example" in pages["ends.html"].decode()
    assert ">9</td>" in pages["ends.html"].decode()
    assert "harden_subjects 2" in pages["harden.prom"].decode()
    assert json.loads(pages["grafana.json"])["panels"]


def test_the_same_reports_are_read_once_in_whatever_order(history: Path, tmp_path: Path) -> None:
    whole, steps = tmp_path / "whole", tmp_path / "steps"
    paths = sorted(history.iterdir())
    with site.ReportFolder(whole) as index:
        index.add(paths)
        assert index.add(paths) == 0
        expected = site.pages(index, TODAY)
    for path in sorted(paths, key=lambda one: one.stem[-1]):
        with site.ReportFolder(steps) as index:
            index.add([path])
    with site.ReportFolder(steps) as index:
        assert site.pages(index, TODAY) == expected


def test_a_late_report_does_not_bring_back_what_was_mended(history: Path, tmp_path: Path) -> None:
    with site.ReportFolder(tmp_path / "index") as index:
        index.add([history / "a.example-1.json"])
        index.add([history / "a.example-0.json"])
        assert index.rows("SELECT count(*) FROM held")[0][0] == 1


def test_folders_of_several_hosts_stay_apart(tmp_path: Path) -> None:
    """A host that audits itself calls its folders by their paths, which every host has."""
    for host in ("web1", "web2"):
        subjects = [Subject(id=host, kind=SubjectKind.HOST), Subject(id="/etc", kind=SubjectKind.FILE)]
        found = [Finding(rule=PASSWORD, subject="/etc", location=in_file("/etc/a"), message=f"on {host}")]
        made = Run.of(subjects, found, started=FIRST, finished=FIRST)
        (tmp_path / f"{host}.json").write_bytes(render("json", made, fail_on=None))
    paths = sorted(tmp_path.glob("*.json"))
    with site.ReportFolder(tmp_path / "index") as index:
        index.add(paths)
        held = index.rows("SELECT subject, message FROM held ORDER BY subject")
    assert held == [("web1:/etc", "on web1"), ("web2:/etc", "on web2")]
    whole = merged([load(one).run for one in paths])
    assert [(one.subject, one.message) for one in whole.findings] == held
    alone = load(paths[0]).run
    assert [one.id for one in merged([alone]).subjects] == [one.id for one in alone.subjects]


def test_names_are_harmless(tmp_path: Path) -> None:
    stored(tmp_path, "<script>alert(1)", 0, PASSWORD)
    with site.ReportFolder(tmp_path / "index") as index:
        index.add(tmp_path.glob("*.json"))
        for name, body in site.pages(index, TODAY).items():
            assert b"<script" not in body, name


def test_the_command_writes_pages_that_link_to_each_other(
    history: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "site"
    assert harden(["report", "site", str(history), "-o", str(out)]) == 0
    assert "3 new of 3 reports" in capsys.readouterr().out
    links = set(re.findall(r'href="([\w.]+)"', (out / "index.html").read_text()))
    assert links == {path.name for path in out.glob("*.html")}


def test_receipts_are_a_page_and_say_whether_their_signature_was_checked(
    history: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    key, other, out = keys.generate(), keys.generate(), tmp_path / "site"
    host = Subject(id="web1", kind=SubjectKind.HOST, stats={"state": "committed", "from": "1.0", "to": "2.0"})
    upgraded = Run.of([host], [], started=FIRST, finished=FIRST)
    for name, one in (("ours", key), ("theirs", other)):
        (tmp_path / f"{name}.pub").write_bytes(
            one.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        )
    (history / "receipt.json").write_bytes(receipt.sealed(upgraded, JOB, key, by="ops"))
    command = ["report", "site", str(history), "-o", str(out)]
    assert harden(command) == 0
    assert "3 new of 3 reports, 1 receipt" in capsys.readouterr().out
    page = (out / "upgrades.html").read_text()
    assert re.findall(r">(web1|committed|not checked|verified)<", page) == [
        "web1",
        "committed",
        "not checked",
    ]
    assert harden([*command, "--key", str(tmp_path / "ours.pub")]) == 0
    assert "verified" in (out / "upgrades.html").read_text()
    assert harden([*command, "--key", str(tmp_path / "theirs.pub")]) == ExitCode.REFUSED
    assert "receipt.json" in capsys.readouterr().err


def test_secrets_and_keys_end_as_certificates_do(tmp_path: Path) -> None:
    subject = Subject(
        id="mail", kind=SubjectKind.MAILER, stats={"ends": {"client secret [credential]": "2026-12-20"}}
    )
    made = Run.of([subject], [], started=FIRST, finished=FIRST)
    (tmp_path / "mail.json").write_bytes(render("json", made, fail_on=None))
    with site.ReportFolder(tmp_path / "index") as index:
        index.add(tmp_path.glob("*.json"))
        page = site.pages(index, TODAY)["ends.html"].decode()
    assert "client secret [credential]" in page
    assert ">18</td>" in page


def test_a_file_that_is_no_index_is_refused(tmp_path: Path) -> None:
    (tmp_path / "index").write_text("hello, this is a text and not a database at all" * 50)
    with pytest.raises(InputError, match="not a database"), site.ReportFolder(tmp_path / "index"):
        pass
