"""Access logs are read alike in every language, and one that cannot be read is said."""

from __future__ import annotations

import _strptime  # type: ignore[import-not-found]  # of the standard library, without a stub
import calendar
import gzip
from pathlib import Path

import pytest

from hardening.findings import Finding, Rule, Severity, in_file
from hardening.host.checks import access_log
from hardening.host.checks.root import Root
from hardening.host.checks.rules import UNREAD, VISITED

TOOL = Rule(id="component/tool", title="t", severity=Severity.HIGH, rationale="r", remedy="r")
FOUND = Finding(rule=TOOL, subject="h", location=in_file("/web/db.php"), message="m")
GERMAN = ["", "Jan", "Feb", "M\u00e4r", "Apr", "Mai", "Jun", "Jul", "Aug", "Sep", "Okt", "Nov", "Dez"]


def line(when: str) -> str:
    return f'10.0.0.1 - - [{when}] "GET /db.php HTTP/1.1" 200 9\n'


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    (tmp_path / "var/log/httpd").mkdir(parents=True)
    return tmp_path / "var/log/httpd"


def look(logs: Path) -> list[Finding]:
    return list(access_log.look(Root(logs.parents[2]), "h", [FOUND], ["/web"]))


def test_the_months_of_a_log_are_english_in_every_language(
    logs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ansible, in which the upgrade's audit runs, sets the language of whoever called it."""
    monkeypatch.setattr(calendar, "month_abbr", GERMAN)
    monkeypatch.setattr(_strptime, "_TimeRE_cache", _strptime.TimeRE())
    monkeypatch.setattr(_strptime, "_regex_cache", {})
    days = ("02/Dec/2026:10:00:00 +0100", "01/May/2026:10:00:00 -0330", "03/Oct/2026:10:00:00 +0000")
    (logs / "access_log").write_text("".join(map(line, days)))
    (visited,) = look(logs)
    assert f"answered 3 times between {days[1]} and {days[0]}" in visited.message


@pytest.mark.parametrize(
    ("earlier", "later"),
    [
        ("01/Jan/2026:10:00:00 +0200", "01/Jan/2026:09:00:00 +0000"),
        ("01/Jan/2026:10:00:00 -0130", "01/Jan/2026:11:31:00 +0000"),
        ("no time at all", "01/Jan/0001:00:00:01 +0000"),
        ("99/Jan/2026:10:00:00 +0000", "01/Jan/2026:10:00:00 +0000"),
        ("01/Jan/2026:10:00:00 +9900", "01/Jan/2026:10:00:00 +0000"),
    ],
)
def test_times_are_compared_with_their_zones_and_nonsense_is_the_earliest(earlier: str, later: str) -> None:
    assert access_log._order(earlier) < access_log._order(later)


@pytest.mark.parametrize("cut", [True, False])
def test_a_log_that_cannot_be_read_to_its_end_is_said_and_counts_so_far(
    logs: Path, monkeypatch: pytest.MonkeyPatch, *, cut: bool
) -> None:
    text = line("01/Oct/2026:10:00:00 +0000") * 2
    if cut:
        (logs / "access_log-1.gz").write_bytes(gzip.compress(text.encode())[:-12])
    else:
        (logs / "access_log-1").write_text(text)
        monkeypatch.setattr(access_log, "LARGEST", len(text) // 2)
    found = {one.rule: one.message for one in look(logs)}
    assert set(found) == {UNREAD, VISITED}
    assert "could not be read to its end: " in found[UNREAD]
