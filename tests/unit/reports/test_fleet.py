"""One server under many names, one password in many places, many hosts: each is told once, and nothing is left out unsaid."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from lxml import etree, html

from hardening.errors import ExitCode
from hardening.findings import Finding, InFile, Result, Run, Severity, Subject, SubjectKind, Verdict
from hardening.reports import render
from hardening.reports.index import few
from tests.support.reports.fixtures import ADMINER, FINISHED, PASSWORD, PERMISSIONS, PROTOCOL, STARTED

FIRST = "web.conf#site-1"
TWINS = tuple(f"web.conf#site-{number}" for number in range(2, 9))
OTHER = "web.conf#zone"


def write(name: str, run: Run) -> str:
    return render(name, run, fail_on=Severity.MEDIUM).decode("utf-8")


def made(*findings: Finding, subjects: tuple[Subject, ...] = (), results: tuple[Result, ...] = ()) -> Run:
    return Run.of(subjects, findings, results, started=STARTED, finished=FINISHED)


def found(message: str = "TLSv1.0 is offered", line: int | None = 7, **more: Any) -> Finding:
    said: dict[str, Any] = {
        "rule": PROTOCOL, "subject": FIRST, "location": InFile(("web.conf",), line), "message": message,
    }  # fmt: skip
    return Finding(**(said | more))


@pytest.fixture
def fleet() -> Run:
    """Eight names of one server, and another that inherits a line of the first."""
    subjects = (
        Subject(id=FIRST, kind=SubjectKind.FILE, policies={"aspect": "fail"}),
        *(
            Subject(id=name, kind=SubjectKind.FILE, same_as=FIRST, policies={"aspect": "fail"})
            for name in TWINS
        ),
        Subject(id=OTHER, kind=SubjectKind.FILE, policies={"aspect": "fail"}),
    )
    return made(found(also=(*TWINS, OTHER)), subjects=subjects)


@pytest.mark.parametrize(("count", "end"), [(5, "n4"), (6, "n4 and 1 more"), (9, "n4 and 4 more")])
def test_of_many_names_the_first_five_are_told_and_how_many_more_there_are(count: int, end: str) -> None:
    names = [f"n{number}" for number in range(count)]
    assert few(names) == f"n0, n1, n2, n3, {end}"


def test_text_tells_a_server_once_with_its_other_names(fleet: Run) -> None:
    lines = write("text", fleet).splitlines()
    assert "  and all the same: site-2, site-3, site-4, site-5, site-6 and 2 more" in lines
    assert sum(line.startswith("web.conf#") for line in lines) == 2
    assert f"  1 finding of the same lines: reported with {FIRST}" in lines
    assert "            also    zone" in lines  # and none that is all the same
    assert "  nothing found" not in lines  # of the other one it is true, too


def test_the_page_has_one_row_and_one_group_for_a_server_of_many_names(fleet: Run) -> None:
    page: Any = html.fromstring(write("html", fleet))
    rows = [row.text_content() for row in page.xpath("//tbody/tr/th")]
    assert [row.split("file")[0].strip() for row in rows] == [FIRST, OTHER]
    assert "and all the same: web.conf#site-2, " in rows[0]
    assert "same" not in rows[1]
    assert len(page.xpath("//details[contains(@class, 'finding')]")) == 1
    assert page.xpath("//tbody//td[@class='num']/b/text()") == ["1", "1"]


def test_the_page_tells_the_worst_first_and_what_counts_for_nothing_last() -> None:
    run = made(
        found("low", rule=PERMISSIONS), found("known", rule=ADMINER, known=True), found("high", rule=PASSWORD),
        found("medium"), subjects=(Subject(id=FIRST, kind=SubjectKind.FILE),),
    )  # fmt: skip
    page: Any = html.fromstring(write("html", run))
    credential_lines = [
        next(one.iter("span")).getnext().text.strip() for one in page.xpath("//details/summary")
    ]
    assert credential_lines == ["high", "medium", "low", "known"]


def test_the_markup_says_how_many_messages_only_the_script_shows(
    make_crowd: Callable[[int], Run], fleet: Run
) -> None:
    assert "further messages" not in write("html", fleet)
    text = write("html", make_crowd(303))
    assert "3 further messages, the least severe, are shown by the script of this page" in text
    page: Any = html.fromstring(text)
    assert len(page.xpath("//details[contains(@class, 'finding')]")) == 300
    data = json.loads(page.xpath("string(//script[@id='data'])"))
    assert (len(data["cards"]), len(data["places"])) == (303, 303)


def test_findings_of_one_message_are_one_card_with_each_place() -> None:
    many = [found("a password", line, rule=PASSWORD) for line in range(1, 31)]
    text = write("html", made(*many, found("another", 31)))
    page: Any = html.fromstring(text)
    cards = page.xpath("//details[contains(@class, 'finding')]")
    assert [len(card.xpath(".//ul[@class='places']/li")) for card in cards] == [20, 1]
    assert "30 places in 1 subject" in cards[0].text_content()
    assert "and 10 more" in cards[0].text_content()
    data = json.loads(page.xpath("string(//script[@id='data'])"))
    assert [place[3] for place in data["places"]] == [f":{line}" for line in range(1, 32)]


def test_the_page_lists_requirements_in_the_order_of_the_standard() -> None:
    sections = ["12.3.3", "4.2.1-suites", "certificate", "2026-tls12", "4.2.1-dh", "2.2.7"]
    rules = [replace(PROTOCOL, id=f"tls/pci/{one}") for one in sections]
    results = [
        Result(rule=rule, subject=FIRST, verdict=verdict)
        for rule, verdict in zip(
            rules, [Verdict.MANUAL, *[Verdict.ADVICE] * 2, *[Verdict.PASS] * 3], strict=True
        )
    ]
    subject = Subject(id=FIRST, kind=SubjectKind.FILE, policies={"pci": "fail"})
    page: Any = html.fromstring(write("html", made(subjects=(subject,), results=tuple(results))))
    at = "//details[@class='standard'][1]"
    shown = page.xpath(f"{at}/ol/li/p/b/text()")
    assert shown == ["4.2.1-suites", "12.3.3", "certificate"]
    assert page.xpath(f"{at}/details[@class='met']//li/p/b/text()") == ["2.2.7", "4.2.1-dh", "2026-tls12"]
    assert [one.get("class") for one in page.xpath(f"{at}/ol/li")] == ["v-advice", "v-manual", "v-advice"]
    assert len(page.xpath(f"{at}//p[@class='manual']//input")) == 3


def test_one_password_in_five_places_is_told_as_one_credential() -> None:
    whose = [("root", "MySQL"), ("", "database"), ("", ""), ("keeper", "<b>"), ("root", "MySQL")]
    run = made(
        *(
            found("a password", line, rule=PASSWORD, same=b"one", account=account, service=service)
            for line, (account, service) in enumerate(whose, 1)
        ),
        found("another", 9, rule=PASSWORD, same=b"two"),
    )
    page: Any = html.fromstring(write("html", run))
    assert (
        page.xpath("//span[@class='name' and .='Credential']/following-sibling::text()")
        == [" credential #1, in 5 places"] * 5 + [" credential #2, in this place only"]
    )  # fmt: skip
    (row,) = page.xpath("//section[@aria-labelledby='credentials-h']//tbody/tr")
    which, whom, where = row.findall("td")
    assert which.text == "#1, 5 places"
    assert list(whom.itertext()) == ["'root' of MySQL", "'keeper' of <b>", "an account of a database"]
    links = where.xpath(".//a/@href")
    assert [len(page.xpath(f"//li[@id='{link[1:]}']")) for link in links] == [1] * 5
    assert len(where.xpath("./details//a")) == 2
    assert where.xpath("./details/summary/text()") == ["and 2 more"]
    said = json.loads(write("json", run))["findings"]
    assert [f["credential"] for f in said[:5]] == [
        {"number": 1, "places": 5, "account": account, "service": service} for account, service in whose
    ]
    assert "credential" not in json.loads(write("json", made(found())))["findings"][0]
    lines = write("markdown", run).splitlines()
    at = lines.index("### Credentials in several places, each to be changed once (1)")
    assert lines[at + 4] == (
        "| \\#1, 5 places | 'root' of MySQL<br>'keeper' of &lt;b&gt;<br>an account of a database "
        "| web.conf:1<br>web.conf:2<br>web.conf:3<br>and 2 more |"
    )
    assert "several places" not in write("markdown", made(found()))


def test_a_place_that_is_not_on_the_page_is_no_link(make_crowd: Callable[[int], Run]) -> None:
    run = make_crowd(5_000).merged(
        made(*(found("a password", line, rule=PERMISSIONS, same=b"one") for line in (1, 2)))
    )
    page: Any = html.fromstring(write("html", run))
    (row,) = page.xpath("//section[@aria-labelledby='credentials-h']//tbody/tr")
    assert not row.xpath(".//a")
    assert "web.conf:2" in row.text_content()


def test_json_says_the_same_whatever_order_a_subjects_figures_came_in() -> None:
    figures = {"seconds": 1, "members": 2, "rules": {"b", "a", 3}}
    one, other = (
        write("json", made(subjects=(Subject(id="a", kind=SubjectKind.FILE, stats=stats),)))
        for stats in (figures, dict(reversed(figures.items())))
    )
    assert one == other
    assert json.loads(one)["subjects"][0]["stats"]["rules"] == [3, "a", "b"]


def test_json_says_every_time_in_utc() -> None:
    east = timezone(timedelta(hours=5))
    stats = {"signed": datetime(2026, 11, 24, 14, tzinfo=east)}
    said = json.loads(write("json", made(subjects=(Subject(id="a", kind=SubjectKind.FILE, stats=stats),))))
    assert said["subjects"][0]["stats"]["signed"] == "2026-11-24T09:00:00Z"


def test_junit_counts_what_is_red_and_puts_what_no_subject_has_in_order() -> None:
    names = ["zeta", "alpha", "mu", "beta", "omega"]
    results = tuple(
        Result(rule=PROTOCOL, subject=name, verdict=Verdict.INCONCLUSIVE, reason="it went away")
        for name in names
    )
    run = made(found(subject="kappa"), results=results)
    suites = etree.fromstring(write("junit", run).encode()).findall("testsuite")
    assert [s.get("name") for s in suites] == sorted([*names, "kappa"])
    for suite in suites:
        counts = (len(suite.findall("testcase/failure")), len(suite.findall("testcase/error")))
        assert (suite.get("failures"), suite.get("errors")) == tuple(map(str, counts))
        assert sum(counts) == 1
        assert [one.get("message") for one in suite.iter("error")] == ["it went away"] * counts[1]


def test_junit_names_a_server_once_with_its_other_names(fleet: Run) -> None:
    suites = etree.fromstring(write("junit", fleet).encode()).findall("testsuite")
    assert [s.get("name") for s in suites] == [FIRST, OTHER]
    same = {str(p.get("name")): p.get("value") for p in suites[0].iter("property")}
    assert [same[f"same {number}"] for number in range(1, 8)] == list(TWINS)
    assert [len(s.findall("testcase")) for s in suites] == [1, 1]


@pytest.mark.parametrize(("hosts", "lines", "rest"), [(50, 50, False), (53, 50, True)])
def test_github_gives_fifty_hosts_a_line_and_counts_the_rest(hosts: int, lines: int, rest: bool) -> None:
    subjects = tuple(
        Subject(id=f"host-{number:02}", kind=SubjectKind.HOST, stats={"state": "done"})
        for number in range(hosts)
    )
    text = write("github", made(subjects=(*subjects, Subject(id="a.zip", kind=SubjectKind.BUNDLE))))
    assert text.count("harden: host-") == lines
    assert ("harden: 3 further hosts are in the JSON or HTML report\n" in text) is rest
    assert "a.zip" not in text


def test_github_shows_what_was_found_and_a_line_where_there_is_one() -> None:
    (credential_lines, _) = write("github", made(found(evidence="SSLProtocol all"))).splitlines()
    assert credential_lines.startswith("::error file=web.conf,line=7,title=")
    assert "%0Afound: SSLProtocol all%0A" in credential_lines
    (credential_lines, _) = write("github", made(found(line=None))).splitlines()
    assert credential_lines.startswith("::error file=web.conf,title=")
    assert "found: " not in credential_lines


def test_junit_tells_what_a_failed_check_rests_on_and_why_another_is_green() -> None:
    """Each part of a case: reason, level, place, what was found, under which policies, what is to be done."""
    serious = found("RC4 is offered", evidence="ALL", policies=("aspect", "rfc9325"), severity=Severity.HIGH)
    minor = found("a short list", 8, severity=Severity.LOW)
    lone = Result(rule=PASSWORD, subject=FIRST, verdict=Verdict.FAIL)
    green = Result(rule=PERMISSIONS, subject=FIRST, verdict=Verdict.FAIL, reason="one member")
    helper = found("mode 4755", 9, rule=PERMISSIONS)
    waived = Result(rule=ADMINER, subject=FIRST, verdict=Verdict.WAIVED, reason="until the visit")
    result = Result(rule=PROTOCOL, subject=FIRST, verdict=Verdict.FAIL, reason="1 of 12")
    run = made(serious, minor, helper, results=(result, lone, green, waived))
    cases = {
        str(case.get("name")): case
        for case in etree.fromstring(write("junit", run).encode()).iter("testcase")
    }
    failure = cases[f"tls/protocol: {PROTOCOL.title}"].find("failure")
    assert failure is not None
    assert (failure.get("message"), failure.get("type")) == ("1 of 12", "high")
    assert failure.text is not None
    assert failure.text.splitlines() == [
        "high: RC4 is offered", "  at web.conf:7", "  found: ALL", "  under: aspect, rfc9325",
        f"  remedy: {PROTOCOL.remedy}",
    ]  # fmt: skip
    alone = cases[f"credential/php-assignment: {PASSWORD.title}"].find("failure")
    assert alone is not None
    assert (alone.get("message"), alone.get("type"), alone.text) == (PASSWORD.title, "high", PASSWORD.remedy)
    assert f"walk/set-id: {PERMISSIONS.title} [does not fail this run: one member]" in cases
    assert f"component/adminer: {ADMINER.title} [waived: until the visit]" in cases


def test_a_refusal_that_a_finding_tells_of_is_one_failure_and_not_two() -> None:
    run = Run.of([], [found()], [], started=STARTED, finished=FINISHED, extra_codes=[ExitCode.REFUSED])
    cases = list(etree.fromstring(write("junit", run).encode()).iter("testcase"))
    assert [one.find("failure") is not None for one in cases] == [True]
    assert not str(cases[0].get("name")).startswith("run/verdict")
