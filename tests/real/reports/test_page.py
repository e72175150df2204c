"""The HTML report in a real browser: accessible, narrow enough for a phone, and light with very many findings."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from hardening.findings import Finding, Run, Subject, SubjectKind, Unanswered, in_file
from hardening.reports import site
from tests.support.reports.browser import Browser
from tests.support.reports.fixtures import FINISHED, PASSWORD, PROTOCOL, STARTED
from tests.unit.reports.test_html import page
from tests.unit.reports.test_site import TODAY, stored

LOOKS = [{"width": width, "theme": theme} for width in (1280, 390) for theme in ("light", "dark")]
OPEN = "for (const one of document.querySelectorAll('details')) one.open = true;"
WIDTH = f"{OPEN} document.documentElement.scrollWidth - innerWidth"
COUNT = "document.querySelectorAll('*').length"
SEARCH = """(() => {
  const search = document.getElementById('search');
  search.value = 'finding 49999';
  search.dispatchEvent(new Event('input'));
  return [...document.querySelectorAll('.finding .what')].map((one) => one.firstChild.textContent);
})()"""
GROUP = """(() => {
  const group = document.getElementById('group');
  group.value = 'rule';
  group.dispatchEvent(new Event('change'));
  return document.querySelectorAll('#list h3').length;
})()"""


def test_no_look_of_the_page_breaks_a_rule_of_axe(browser: Browser, tmp_path: Path, any_run: Run) -> None:
    path = tmp_path / "report.html"
    path.write_bytes(page(any_run))
    looks = [{"url": f"file://{path}", "axe": True, "evaluate": WIDTH, **look} for look in LOOKS]
    said = browser.visit(tmp_path, *looks)
    assert [one["axe"] for one in said["answers"]] == [[]] * 4
    assert [max(0, one["value"]) for one in said["answers"]] == [0] * 4
    assert said["console"] == []
    assert set(said["requests"]) == {f"file://{path}"}


SHOWN = """(() => {
  for (const one of document.querySelectorAll('#list details')) { one.open = true; if (one.fill) one.fill(); }
  return [[...document.querySelectorAll('#list dd code:not(.snippet), .first code')].map((one) => one.textContent), document.body.innerText.includes('`')];
})()"""


@pytest.mark.parametrize("script", [True, False])
def test_what_is_between_backticks_is_code_with_and_without_script(
    browser: Browser, tmp_path: Path, *, script: bool
) -> None:
    said_to_do = "Run `harden tls audit a.conf` and `<b>reload</b>`"
    one = Finding(rule=PROTOCOL, subject="a.conf", location=in_file("a.conf", 3), message="`x` is old", remedy=said_to_do)  # fmt: skip
    subject = Subject(id="a.conf", kind=SubjectKind.FILE)
    path = tmp_path / "code.html"
    path.write_bytes(page(Run.of([subject], [one], started=STARTED, finished=FINISHED)))
    said = browser.visit(tmp_path, {"url": f"file://{path}", "evaluate": SHOWN, "script": script})
    ((codes, ticks),) = [one["value"] for one in said["answers"]]
    assert codes == ["harden tls audit a.conf", "<b>reload</b>"] * 2
    assert not ticks


FILTER = """(() => {
  const filters = [...document.querySelectorAll('input.filter')];
  for (const one of filters) { one.value = 'host3.'; one.dispatchEvent(new Event('input')); }
  return filters.map((one) => [one.getAttribute('aria-label'), document.querySelectorAll('#subjects tbody tr:not([hidden])').length]);
})()"""


def test_a_fleet_has_a_filter_that_leaves_the_rows_of_its_words(
    browser: Browser, tmp_path: Path, mixed_run: Run
) -> None:
    hosts = [
        Subject(id=f"host{n}.example", kind=SubjectKind.HOST, policies={"aspect": "fail"}) for n in range(8)
    ]
    path = tmp_path / "fleet.html"
    path.write_bytes(page(replace(mixed_run, subjects=(*mixed_run.subjects, *hosts))))
    look = {"url": f"file://{path}", "axe": True}
    said = browser.visit(tmp_path, look | {"evaluate": FILTER}, look | {"evaluate": SEARCH})
    assert said["console"] == []
    assert [one["axe"] for one in said["answers"]] == [[], []]
    assert said["answers"][0]["value"] == [["Filter the rows of Subjects and policies", 1]]


def test_no_page_of_the_site_breaks_a_rule_of_axe(browser: Browser, tmp_path: Path) -> None:
    for day in range(3):
        stored(tmp_path, "a.example", day, PASSWORD, *([PROTOCOL] if day % 2 else []))
    with site.ReportFolder(tmp_path / "index") as index:
        index.add(sorted(tmp_path.glob("*.json")))
        for name, body in site.pages(index, TODAY).items():
            (tmp_path / name).write_bytes(body)
    pages = sorted(tmp_path.glob("*.html"))
    looks = [
        {"url": f"file://{path}", "axe": True, "evaluate": WIDTH, "screenshot": f"{path}.png", **look}
        for path in pages
        for look in LOOKS
    ]
    said = browser.visit(tmp_path, *looks)
    assert [one["axe"] for one in said["answers"]] == [[]] * len(looks)
    assert [max(0, one["value"]) for one in said["answers"]] == [0] * len(looks)
    assert said["console"] == []
    assert browser.invalid(tmp_path, *pages) == []


def test_the_markup_of_the_page_is_valid(browser: Browser, tmp_path: Path, any_run: Run) -> None:
    path, broken = tmp_path / "report.html", tmp_path / "broken.html"
    path.write_bytes(page(any_run))
    assert browser.invalid(tmp_path, path) == []
    broken.write_bytes(page(any_run).replace(b"</main>", b"</div>"))
    assert browser.invalid(tmp_path, broken), "the check sees nothing"


@pytest.mark.parametrize("script", [True, False])
def test_what_was_not_answered_is_folded_and_printed(
    browser: Browser, tmp_path: Path, *, script: bool
) -> None:
    left = Unanswered(
        policy="aspect",
        rule="tls/aspect/certificate",
        reason="no certificate",
        command="harden tls scan a.example",
    )
    subject = Subject(
        id="a.example",
        kind=SubjectKind.ENDPOINT,
        policies={"aspect": "pass"},
        scope="scan",
        unanswered=(left,),
    )
    path, printed = tmp_path / "report.html", tmp_path / "report.pdf"
    path.write_bytes(page(Run.of([subject], [], started=STARTED, finished=FINISHED)))
    shown = "document.querySelector('.unsaid small').checkVisibility()"
    visit = {"url": f"file://{path}", "script": script, "evaluate": shown, "pdf": str(printed)}
    assert browser.visit(tmp_path, visit)["answers"][0]["value"] is False
    text = subprocess.run(["pdftotext", printed, "-"], check=True, capture_output=True, text=True).stdout
    assert "tls/aspect/certificate" in text.replace("\n", "")


def test_without_script_the_worst_findings_are_there(
    browser: Browser, tmp_path: Path, mixed_run: Run
) -> None:
    path = tmp_path / "report.html"
    path.write_bytes(page(mixed_run))
    visit = {
        "url": f"file://{path}",
        "script": False,
        "evaluate": "document.querySelectorAll('.finding').length",
    }
    assert browser.visit(tmp_path, visit)["answers"][0]["value"] == 7


@pytest.mark.parametrize(("asked", "answer"), [(SEARCH, ["finding 49999"]), (GROUP, 1)])
def test_fifty_thousand_findings_are_searched_and_grouped_with_few_nodes(
    browser: Browser, tmp_path: Path, make_crowd: Callable[[int], Run], asked: str, answer: object
) -> None:
    path = tmp_path / "report.html"
    path.write_bytes(page(make_crowd(50_000)))
    url = f"file://{path}"
    few, credential_lines = browser.visit(
        tmp_path, {"url": url, "evaluate": COUNT}, {"url": url, "evaluate": asked}
    )["answers"]
    assert few["value"] < 2_000
    assert credential_lines["value"] == answer
