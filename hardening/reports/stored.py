"""A stored `harden-report/1` back as the run it was written from, so that it can be rendered, merged and compared."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from pathlib import Path
from typing import Any

from hardening import baseline
from hardening.errors import DataError, ExitCode
from hardening.findings import (
    NESTING,
    Acceptance,
    Change,
    Confidence,
    Examined,
    Finding,
    Fix,
    InFile,
    OnWire,
    Result,
    Role,
    Rule,
    Run,
    Severity,
    SourceFile,
    Subject,
    SubjectKind,
    Unanswered,
    Verdict,
)

GONE = "gone"
"""The word of `Finding.left_out` for what an earlier report has alone."""


@dataclass(frozen=True, slots=True)
class Stored:
    """A run, and the threshold with which it was judged."""

    run: Run
    fail_on: Severity | None


def load(path: Path) -> Stored:
    """Read a stored report. Errors: InputError (absent, unreadable), DataError (not a whole harden-report/1)."""
    found = baseline.document(path)
    try:
        limit = found.get("threshold", Severity.MEDIUM.label)
        return Stored(_run(found), None if limit == "never" else Severity[limit.upper()])
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as problem:
        hint = "give a report that was written with --format json or --report json=FILE"
        raise DataError(
            f"{path}: not a whole report: {type(problem).__name__} {problem}", hint=hint
        ) from problem


def _run(found: Mapping[str, Any]) -> Run:
    rules = [_rule(one) for one in found.get("rules", ())]
    names = {rule.id: rule for rule in rules}

    def rule_of(row: Mapping[str, Any]) -> Rule:
        if "rule_number" in row:
            return rules[int(row["rule_number"])]
        return names.get(row["rule"]) or _old_rule(row)

    started, finished = (datetime.fromisoformat(found[key]) for key in ("started", "finished"))
    return Run(
        subjects=tuple(_subject(one) for one in found["subjects"]),
        findings=tuple(_numbered(_finding(one, rule_of(one)) for one in found["findings"])),
        results=tuple(_result(one, rule_of(one)) for one in found["results"]),
        started=started,
        finished=finished,
        tool=found["tool"]["name"],
        version=found["tool"]["version"],
        extra_codes=frozenset(ExitCode(one) for one in found.get("extra_codes", ())),
        changes=tuple(Change(**one) for one in found["changes"]) if "changes" in found else None,
        sources=tuple(
            SourceFile(
                one["path"],
                tuple((int(at), str(text)) for at, text in one["lines"]),
                one["diff"],
                tuple(map(str, one.get("mends", ()))),
            )
            for one in found.get("sources", ())
        ),
    )


def _numbered(findings: Iterable[Finding]) -> Iterable[Finding]:
    """Give equal findings at one place the ordinals that they had: they are stored in their order."""
    seen: dict[tuple[str, ...], int] = {}
    for one in findings:
        key, inner = (one.rule.id, one.where, one.evidence), ("", one.rule.id, one.inner, one.evidence)
        yield replace(one, ordinal=seen.get(key, 0), inner_ordinal=seen.get(inner, 0))
        seen[key], seen[inner] = seen.get(key, 0) + 1, seen.get(inner, 0) + 1


def _rule(row: Mapping[str, Any]) -> Rule:
    return Rule(
        **{**row, "severity": Severity[row["severity"].upper()], "references": tuple(row["references"])}
    )


def _old_rule(row: Mapping[str, Any]) -> Rule:
    """Return what a report of before `rules` was in it tells of a rule."""
    return Rule(
        id=row["rule"],
        title=row.get("title", row["rule"]),
        severity=Severity[row.get("severity", "medium").upper()],
        rationale="",
        remedy=row.get("remedy", ""),
        references=tuple(row.get("references", ())),
    )


def _subject(row: Mapping[str, Any]) -> Subject:
    return Subject(
        id=row["id"],
        kind=SubjectKind(row["kind"]),
        examined=Examined(row["examined"]),
        reason=row["reason"],
        stats=dict(row["stats"]),
        policies=dict(row["policies"]),
        scope=row.get("scope", ""),
        unanswered=tuple(Unanswered(**one) for one in row.get("unanswered", ())),
        offer=row.get("offer"),
        same_as=row.get("same_as", ""),
    )


def _finding(row: Mapping[str, Any], rule: Rule) -> Finding:
    level, where = Severity[row["severity"].upper()], row["location"]
    value = row.get("credential", {})
    number = value.get("number", 0)
    return Finding(
        rule=rule,
        subject=row["subject"],
        location=OnWire(where["endpoint"]) if "endpoint" in where else _in_file(where),
        message=row["message"],
        severity=None if level is rule.severity else level,
        confidence=Confidence[row["confidence"].upper()],
        evidence=row["evidence"],
        remedy="" if row["remedy"] == rule.remedy else row["remedy"],
        policies=tuple(row["policies"]),
        fix=Fix(**row["fix"]) if row["fix"] else None,
        waived=_acceptance(row["waived"]),
        known=row["known"],
        left_out=row.get("left_out", ""),
        also=tuple(row.get("also", ())),
        secret_hmac=row.get("secret_hmac", ""),
        same=str(number).encode() if number else b"",
        credential=number,
        places=value.get("places", 0),
        account=value.get("account", ""),
        accounts=tuple(value.get("accounts", ())),
        service=value.get("service", ""),
        role=Role(row["role"]) if "role" in row else None,
        matched=tuple(row.get("matched", ())),
        because=tuple(row.get("because", ())),
        further=tuple(_in_file(one) for one in row.get("further", ())),
    )


def _in_file(row: Mapping[str, Any]) -> InFile:
    return InFile(tuple(row["path"].split(NESTING)), row["line"], row["column"])


def _acceptance(row: Mapping[str, Any] | None) -> Acceptance | None:
    if row is None:
        return None
    return Acceptance(
        reason=row["reason"],
        owner=row["owner"],
        expires=date.fromisoformat(row["expires"]) if row["expires"] else None,
    )


def _result(row: Mapping[str, Any], rule: Rule) -> Result:
    return Result(
        rule=rule,
        subject=row["subject"],
        verdict=Verdict(row["verdict"]),
        reason=row["reason"],
        because=tuple((one[0], one[1]) for one in row.get("because", ())),
    )


def of_host(run: Run) -> Run:
    """Return a run in which the folders of its one host carry the name of the host: `web1:/etc` instead of `/etc`."""
    hosts = [one.id for one in run.subjects if one.kind is SubjectKind.HOST]
    if len(hosts) != 1:
        return run
    inside = {one.id for one in run.subjects if one.id.startswith("/") and one.id != hosts[0]}
    names = {one: f"{hosts[0]}:{one}" for one in inside}
    if not names:
        return run

    def name(subject: str) -> str:
        return names.get(subject, subject)

    return replace(
        run,
        subjects=tuple(replace(one, id=name(one.id), same_as=name(one.same_as)) for one in run.subjects),
        findings=tuple(
            replace(one, subject=name(one.subject), also=tuple(map(name, one.also))) for one in run.findings
        ),
        results=tuple(replace(one, subject=name(one.subject)) for one in run.results),
    )


def merged(runs: Sequence[Run]) -> Run:
    """Return one run of several; of a subject that stands in more than one, the latest report speaks.

    Where several hosts are in them, no folder of one host stands for the same folder of another.
    """
    if len({one.id for run in runs for one in run.subjects if one.kind is SubjectKind.HOST}) > 1:
        runs = [of_host(run) for run in runs]
    order = sorted(runs, key=lambda run: run.finished)
    latest = {one.id: number for number, run in enumerate(order) for one in run.subjects}

    def speaks(number: int, subject: str) -> bool:
        return latest.get(subject, number) == number

    whole: Run | None = None
    for number, run in enumerate(order):
        own = replace(
            run,
            subjects=tuple(one for one in run.subjects if speaks(number, one.id)),
            findings=tuple(
                replace(one, same=one.same and b"%d %s" % (number, one.same))
                for one in run.findings
                if speaks(number, one.subject)
            ),
            results=tuple(one for one in run.results if speaks(number, one.subject)),
        )
        whole = own if whole is None else whole.merged(own)
    if whole is None:
        raise ValueError("no runs")
    return whole


def compared(old: Run, new: Run, earlier: Sequence[baseline.FindingPrint]) -> Run:
    """Return the new run: what the earlier one has is known, and what it has alone is listed as `gone`."""
    marked = baseline.apply(new, earlier)
    _, lost = baseline.compare(*([baseline.of_finding(f) for f in one.findings] for one in (old, new)))
    gone = [
        replace(one, known=False, left_out=GONE)
        for one, is_lost in zip(old.findings, lost, strict=True)
        if is_lost
    ]
    return Run.of(
        marked.subjects,
        (*marked.findings, *gone),
        marked.results,
        started=marked.started,
        finished=marked.finished,
        extra_codes=marked.extra_codes,
        changes=marked.changes,
        sources=marked.sources,
    )
