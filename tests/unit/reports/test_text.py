"""The report at a terminal: from three findings on they are told together, and what differs is told with each."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from hardening.errors import ExitCode
from hardening.findings import (
    Examined,
    Finding,
    Fix,
    InFile,
    Result,
    Run,
    Severity,
    Subject,
    SubjectKind,
    Verdict,
)
from hardening.reports import render
from hardening.reports.text_width import wrapped
from tests.support.reports.fixtures import FINISHED, PROTOCOL, STARTED

BY_HAND = Fix(action="write what render says")


def found(message: str, line: int = 7, **more: Any) -> Finding:
    return replace(
        Finding(rule=PROTOCOL, subject="web.conf", location=InFile(("web.conf",), line), message=message),
        **more,
    )


def text(*findings: Finding, **how: Any) -> list[str]:
    subject = Subject(id="web.conf", kind=SubjectKind.FILE)
    run = Run.of([subject], findings, [], started=STARTED, finished=FINISHED)
    return [
        line.strip() for line in render("text", run, fail_on=Severity.MEDIUM, **how).decode().splitlines()
    ]


def test_where_findings_are_counted_each_rule_and_severity_is_one_paragraph() -> None:
    many = [found(f"number {line}", line) for line in range(1, 6)]
    alone = found("the other", 9, severity=Severity.HIGH)
    lines = text(*many, alone, counted=True)
    assert f"high      the other  {PROTOCOL.id}" in lines
    assert f"medium    5 findings: {PROTOCOL.title}  {PROTOCOL.id}" in lines
    assert "at      web.conf:1, web.conf:2, web.conf:3 and 2 more" in lines
    known = text(*(replace(one, known=True) for one in many), counted=True)
    assert "known   it is in the baseline" in known
    assert text(*many, alone, counted=True, verbose=1) == text(*many, alone, verbose=1)


@pytest.mark.parametrize(("count", "told"), [(2, 2), (3, 1), (4, 1)])
def test_from_three_findings_on_what_is_to_be_done_by_hand_is_told_once(count: int, told: int) -> None:
    lines = text(*(found(f"number {line}", line, fix=BY_HAND) for line in range(1, count + 1)))
    assert sum(BY_HAND.action in line for line in lines) == told
    once = f"fix       {count} of these findings: {BY_HAND.action} (to be fixed by hand)"
    assert (once in lines) is (told == 1)


@pytest.mark.parametrize(("count", "paragraphs"), [(2, 2), (3, 1)])
def test_from_three_findings_on_those_of_one_line_are_one_paragraph(count: int, paragraphs: int) -> None:
    lines = text(*(found(f"TLSv1.{minor} is offered") for minor in range(count)))
    assert sum(line.startswith("medium") for line in lines) == paragraphs
    assert all(sum(f"TLSv1.{minor} is offered" in line for line in lines) == 1 for minor in range(count))


def test_findings_told_together_have_one_remedy_or_the_rules_and_say_so() -> None:
    alike = [found(f"TLSv1.{minor} is offered") for minor in range(3)]
    assert f"remedy  {PROTOCOL.remedy}" in text(*alike)
    apart = [replace(one, remedy=f"Take {one.message} out.") for one in alike]
    assert f"remedy  {PROTOCOL.remedy} (-v: each with its own)" in text(*apart)


def test_what_was_found_is_told_unless_the_message_names_it() -> None:
    named = found("RC4 is offered", evidence="RC4")
    assert "found   RC4" not in text(named)
    assert "found   ALL" in text(replace(named, evidence="ALL"))
    others = [replace(named, message=f"{name} is offered", evidence="ALL") for name in ("RC4", "DES", "MD5")]
    assert "found   DES is offered (ALL)" in text(*others)
    assert "found   DES is offered" in text(*(replace(one, evidence=one.message[:3]) for one in others))


def checked(*, verbose: int = 0, color: bool = False) -> list[str]:
    """Two checks that pass, one of them beside a finding that counts, and others that fail or stay open."""
    rules = [replace(PROTOCOL, id=f"tls/number-{number}") for number in range(6)]
    verdicts = [Verdict.PASS, Verdict.PASS, Verdict.FAIL, Verdict.SKIPPED, Verdict.SKIPPED, Verdict.WAIVED]
    results = [
        Result(rule=rule, subject="web.conf", verdict=verdict, reason="no key" if verdict is Verdict.SKIPPED else "")
        for rule, verdict in zip(rules, verdicts, strict=True)
    ]  # fmt: skip
    findings = [found("it works, and is old", rule=rules[1]), found("was there", rule=rules[0], known=True)]
    run = Run.of(
        [Subject(id="web.conf", kind=SubjectKind.FILE)], findings, results, started=STARTED, finished=FINISHED
    )
    said = render("text", run, fail_on=Severity.MEDIUM, verbose=verbose, color=color).decode()
    return said.splitlines()


def test_checks_are_counted_by_verdict_and_a_pass_beside_a_finding_that_counts_is_a_warning() -> None:
    lines = checked()
    at = lines.index("  checks: 1 pass, 1 warn, 1 fail, 2 skipped, 1 waived")
    assert not lines[at - 1]
    assert lines[at + 1] == "  skipped       2 rules  no key"  # for one reason, told once
    assert not any("tls/number-3" in line for line in lines)


def test_each_check_is_told_where_all_is_asked_for_and_what_is_to_be_done_in_colour() -> None:
    told = [line for line in checked(verbose=1) if "tls/number-" in line and "  web" not in line][-6:]
    assert told == [
        "  pass          tls/number-0", "  warn          tls/number-1", "  fail          tls/number-2",
        "  skipped       tls/number-3  no key", "  skipped       tls/number-4  no key",
        "  waived        tls/number-5",
    ]  # fmt: skip
    painted = [line for line in checked(verbose=1, color=True) if "tls/number-" in line][-6:]
    assert [line.startswith("\x1b") for line in painted] == [False, True, False, True, True, False]


@pytest.mark.parametrize(("places", "said"), [(1, "in this place only"), (2, "in 2 places")])
def test_in_how_many_places_a_credential_is_stands_with_each(places: int, said: str) -> None:
    lines = text(*(found(f"number {line}", line, same=b"one") for line in range(places)))
    assert lines.count(f"secret  credential #1, {said}") == places
    assert (SEVERAL in lines) is (places > 1)


SEVERAL = "Credentials in several places, each to be changed once"


def test_values_in_several_places_are_listed_the_commonest_first_each_by_whom_it_lets_in() -> None:
    at_both = [found(f"short {line}", line, same=b"one") for line in (1, 2)]
    at_three = [found(f"long {line}", line, same=b"two", service="MySQL") for line in (4, 5)]
    gravest = found("the gravest", 9, same=b"two", severity=Severity.CRITICAL, account="root", service="mail")
    lines = text(*at_both, *at_three, gravest, found("alone", 10, same=b"three"))
    assert lines[lines.index(SEVERAL) + 1 :] == [
        "#2, 3 places: 'root' of a mail server, an account of MySQL",
        "at      web.conf:4", "web.conf:5", "web.conf:9",
        "#1, 2 places: short 1", "at      web.conf:1", "web.conf:2", "", lines[-1],
    ]  # fmt: skip


@pytest.mark.parametrize(("places", "verbose", "paragraphs"), [(2, 0, 2), (3, 0, 1), (10, 0, 1), (10, 1, 10)])
def test_findings_of_one_value_that_differ_in_their_places_alone_are_one_paragraph(
    places: int, verbose: int, paragraphs: int
) -> None:
    many = [found("a password", line, same=b"one") for line in range(1, places + 1)]
    others = [found("a password", line, same=b"two") for line in (20, 21)]
    lines = text(*many, *others, found("another word", 11, same=b"one"), verbose=verbose)
    assert sum(line.startswith("medium    a password") for line in lines) == paragraphs + 2
    assert sum(line.startswith("medium    another word") for line in lines) == 1
    first = lines.index("at      web.conf:1")
    assert (lines[first + 1] == "web.conf:2") is (paragraphs == 1)
    assert ("and 2 more; -v lists each" in lines) is (places == 10 and not verbose)


def test_a_value_of_which_nobody_is_known_is_told_by_the_gravest_place() -> None:
    lines = text(found("a", 1, same=b"one"), found("b", 2, same=b"one", severity=Severity.CRITICAL))
    assert lines[lines.index(SEVERAL) + 1] == "#1, 2 places: b"


@pytest.mark.parametrize(("verbose", "told"), [(0, ["3", "and 2 more; -v lists each"]), (1, ["3", "4", "5"])])
def test_all_places_of_a_value_are_told_where_all_is_asked_for(verbose: int, told: list[str]) -> None:
    lines = text(*(found(f"number {line}", line, same=b"one") for line in range(1, 6)), verbose=verbose)
    assert lines[lines.index(SEVERAL) + 4 : -2] == [
        line if " " in line else f"web.conf:{line}" for line in told
    ]


@pytest.mark.parametrize(("count", "verbose", "told"), [(2, 0, 2), (3, 0, 1), (3, 1, 3)])
def test_many_of_which_nothing_was_examined_are_told_together(count: int, verbose: int, told: int) -> None:
    names = [f"{number}.conf" for number in range(count)]
    subjects = [
        Subject(id=name, kind=SubjectKind.FILE, examined=Examined.NONE, reason="nothing in it")
        for name in names
    ]
    findings = [found("nothing in it", subject=name, location=InFile((name,))) for name in names]
    seen = Subject(id="web.conf", kind=SubjectKind.FILE)
    run = Run.of([*subjects, seen], [*findings, found("x")], [], started=STARTED, finished=FINISHED)
    said = render("text", run, fail_on=Severity.MEDIUM, verbose=verbose).decode()
    assert said.count("not examined: nothing in it") == told
    assert [name for name in names if name not in said] == []
    assert f"{count + 1} findings" in said.splitlines()[-1]


@pytest.mark.parametrize(
    ("more", "place"),
    [({"policies": {"aspect": "unknown"}}, ""), ({}, "http.conf"), ({"reason": "another"}, "")],
    ids=["judged", "elsewhere", "otherwise"],
)
def test_of_which_more_is_to_be_told_is_told_by_itself(more: dict[str, Any], place: str) -> None:
    names = [f"{number}.conf" for number in range(3)]
    plain: dict[str, Any] = {"kind": SubjectKind.FILE, "examined": Examined.NONE, "reason": "nothing in it"}
    subjects = [Subject(id=name, **plain | (more if name == names[0] else {})) for name in names]
    findings = [found("nothing in it", subject=name, location=InFile((place or name,))) for name in names]
    run = Run.of(subjects, findings, [], started=STARTED, finished=FINISHED)
    lines = render("text", run, fail_on=Severity.MEDIUM).decode().splitlines()
    assert [line.split("  ")[0] for line in lines if line.startswith(tuple(names))] == names


@pytest.mark.parametrize(
    ("verdicts", "tone", "word"),
    [(("pass", "pass"), "pass", "OK"), (("pass", "unknown"), "open", "INCONCLUSIVE"), ((), "pass", "OK")],
)
def test_a_verdict_that_is_unknown_is_never_called_ok(
    verdicts: tuple[str, ...], tone: str, word: str
) -> None:
    """A bundle lacks its server's certificate, which no policy that was named asks for: exit 0."""
    policies = {f"p{number}": verdict for number, verdict in enumerate(verdicts)}
    subject = Subject(id="web.conf", kind=SubjectKind.FILE, policies=policies)
    run = Run.of([subject], [], [], started=STARTED, finished=FINISHED)
    said = render("text", run, fail_on=Severity.MEDIUM).decode().splitlines()
    assert said[-1].startswith(f"{word}: ")
    assert said[-1].endswith("exit 0")
    page = render("html", run, fail_on=Severity.MEDIUM).decode()
    assert f'<header class="top {tone}">' in page


@pytest.mark.parametrize(
    ("code", "style", "tone", "word"),
    [
        (ExitCode.OK, "1;32", "pass", "OK"),
        (ExitCode.PENDING, "33", "open", "PENDING"),
        (ExitCode.PARTLY_EXAMINED, "33", "open", "INCOMPLETE"),
        (ExitCode.NOTHING_EXAMINED, "1;31", "fail", "NOTHING EXAMINED"),
        (ExitCode.ROLLED_BACK, "1;31", "fail", "FAILED, UNCHANGED"),
        (ExitCode.HOSTS_FAILED, "1;31", "fail", "HOSTS FAILED"),
        (ExitCode.FINDINGS, "1;31", "fail", "FAIL"),
        (ExitCode.REFUSED, "1;31", "fail", "REFUSED"),
        (ExitCode.BUG, "1;31", "fail", "ERROR"),
    ],
)
def test_the_verdict_has_one_word_and_colour_at_a_terminal_and_on_the_page(
    code: ExitCode, style: str, tone: str, word: str
) -> None:
    run = Run.of(
        [Subject(id="web.conf", kind=SubjectKind.FILE)], [found("x")], [],
        started=STARTED, finished=FINISHED, extra_codes=[code],
    )  # fmt: skip
    said = render("text", run, fail_on=Severity.HIGH, color=True).decode().splitlines()
    assert said[-1].startswith(f"\x1b[{style}m{word}: ")
    page = render("html", run, fail_on=Severity.HIGH).decode()
    assert f'<header class="top {tone}">' in page
    assert f">{word}<" in page


@pytest.mark.parametrize(
    ("line", "width", "parts"),
    [
        ("  short", 40, ["  short"]),
        (
            "            remedy  Take it out of the list of suites, and load it again.",
            40,
            [
                "            remedy  Take it out of the",
                "                    list of suites, and",
                "                    load it again.",
            ],
        ),
        (
            "  policy a: a \x1b[31mred\x1b[0m word is as wide as another word",
            40,
            ["  policy a: a \x1b[31mred\x1b[0m word is as wide as", "    another word"],
        ),
        (
            "            fix     run `harden tls audit a` now",
            40,
            [
                "            fix     run",
                "                    `harden tls audit a`",
                "                    now",
            ],
        ),
        *(
            (whole, 40, [whole])
            for whole in (f"            {word}  {'x ' * 40}" for word in ("answer", "line  "))
        ),
        ("x" * 90, 40, ["x" * 90]),
    ],
)
def test_lines_are_wrapped_below_their_text_and_commands_stay_whole(
    line: str, width: int, parts: list[str]
) -> None:
    assert list(wrapped(line, width)) == parts


def test_a_report_is_as_wide_as_the_terminal_but_for_its_verdict() -> None:
    long = replace(found("word " * 50, 1), remedy="do " * 60)
    run = Run.of([], [long], started=STARTED, finished=STARTED)
    *lines, verdict = render("text", run, fail_on=None, verbose=1, width=72).decode().splitlines()
    assert max(map(len, lines)) <= 72
    assert len(verdict) > 40
    assert any(len(line) > 200 for line in render("text", run, fail_on=None, verbose=1).decode().splitlines())


def test_a_long_text_that_asks_for_nothing_is_short_without_v() -> None:
    long = replace(
        found(f"15 clients cannot connect: {'an old one, ' * 20}"),
        severity=Severity.INFO,
        remedy="update them",
    )
    lines = text(long)
    assert f"info      15 clients cannot connect (-v lists them)  {PROTOCOL.id}" in lines
    assert not any("an old one" in line or "update them" in line for line in lines)
    whole = text(long, verbose=1)
    assert any("an old one" in line for line in whole)
    assert "remedy  update them" in whole
    assert any("an old one" in line for line in text(replace(long, severity=Severity.LOW)))


def test_the_reason_of_a_rule_stands_once_and_every_finding_has_its_fingerprint() -> None:
    lines = text(*(found(f"number {line}", line) for line in range(3)), verbose=1)
    assert sum(line.startswith("why ") for line in lines) == 1
    assert sum("fingerprint" in line for line in lines) == 3
