"""Fleets: one JSON line per endpoint as it is done, and a state file from which a scan resumes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from hardening import atomic
from hardening.errors import DataError, InputError, UsageError
from hardening.findings import (
    Confidence,
    Examined,
    Finding,
    OnWire,
    Result,
    Rule,
    Run,
    Severity,
    Subject,
    SubjectKind,
    Unanswered,
    Verdict,
)
from hardening.reports.json import report
from hardening.tls.policies.ruleset import Policy

VERSION = "harden-scan-state/2"
Outcome = tuple[Subject, tuple[Finding, ...], tuple[Result, ...]]
_NEVER = datetime(1970, 1, 1, tzinfo=UTC)
"""A run wants times, and a line says none."""


def line(outcome: Outcome) -> str:
    """Return one endpoint as one JSON line, which `restore` reads back.

    `subject`, `findings` and `results` are those of the JSON report, but that a result also names the findings `because`
    of which it is so; `rules` says what each rule named there is.
    """
    subject, findings, results = outcome
    run = Run.of((subject,), findings, results, started=_NEVER, finished=_NEVER)
    document = report(run, None)
    for row, result in zip(document["results"], run.results, strict=True):
        if result.because:
            row["because"] = [list(one) for one in result.because]
    known = dict.fromkeys([*(one.rule for one in findings), *(one.rule for one in results)])
    whole = {
        "subject": document["subjects"][0],
        "findings": document["findings"],
        "results": document["results"],
        "rules": {rule.id: _rule(rule) for rule in known},
    }
    return json.dumps(whole, sort_keys=True)


def _rule(rule: Rule) -> dict[str, Any]:
    return {
        "title": rule.title,
        "severity": rule.severity.label,
        "rationale": rule.rationale,
        "remedy": rule.remedy,
        "references": list(rule.references),
    }


def _restored_rule(name: str, raw: Mapping[str, Any]) -> Rule:
    return Rule(
        id=name,
        title=raw["title"],
        severity=Severity[raw["severity"].upper()],
        rationale=raw["rationale"],
        remedy=raw["remedy"],
        references=tuple(raw["references"]),
    )


def restore(text: str) -> Outcome:
    """Return the endpoint a line holds. Errors: KeyError, ValueError, TypeError when it is none."""
    raw = json.loads(text)
    named = raw["subject"]
    subject = Subject(
        id=named["id"],
        kind=SubjectKind(named["kind"]),
        examined=Examined(named["examined"]),
        reason=named["reason"],
        stats=named["stats"],
        policies=named["policies"],
        scope=named.get("scope", ""),
        unanswered=tuple(Unanswered(**one) for one in named.get("unanswered", ())),
        offer=named.get("offer"),
    )
    rules = {name: _restored_rule(name, one) for name, one in raw["rules"].items()}
    findings = tuple(
        Finding(
            rule=rules[one["rule"]],
            subject=subject.id,
            location=OnWire(one["location"]["endpoint"]),
            message=one["message"],
            severity=Severity[one["severity"].upper()],
            confidence=Confidence[one["confidence"].upper()],
            evidence=one["evidence"],
            remedy=one["remedy"],
            policies=tuple(one["policies"]),
        )
        for one in raw["findings"]
    )
    results = tuple(
        Result(
            rule=rules[one["rule"]],
            subject=subject.id,
            verdict=Verdict(one["verdict"]),
            reason=one["reason"],
            because=tuple((rule, evidence) for rule, evidence in one.get("because", ())),
        )
        for one in raw["results"]
    )
    return subject, findings, results


def read_stream(path: Path) -> dict[str, Outcome]:
    """Return the endpoints of a `--stream` output or a state file. Errors: InputError, DataError."""
    try:
        lines = path.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as problem:
        raise InputError(f"{path}: cannot be read", hint="name what --stream or --state wrote") from problem
    found: dict[str, Outcome] = {}
    for number, text in enumerate(lines, 1):
        if not text.strip() or text.startswith('{"state"') or f'"state": "{VERSION}"' in text:
            continue
        try:
            outcome = restore(text)
        except (KeyError, ValueError, TypeError) as problem:
            raise DataError(
                f"{path}: line {number} is not a scanned endpoint", hint="remove the line"
            ) from problem
        found[outcome[0].id] = outcome
    return found


def joined(scans: Iterable[Mapping[str, Outcome]]) -> dict[str, Outcome]:
    """Return what several scans found; of one endpoint what the scan says that saw more of it, or the later one."""
    found: dict[str, Outcome] = {}
    for scan in scans:
        for name, outcome in scan.items():
            if name not in found or _seen(outcome) >= _seen(found[name]):
                found[name] = outcome
    return found


def _seen(outcome: Outcome) -> int:
    return (Examined.NONE, Examined.PARTIAL, Examined.FULL).index(outcome[0].examined)


def question(policies: Iterable[Policy]) -> list[str]:
    """Return the policies as the first line of a state names them: an id, and a digest of all that it says."""
    return [f"{one.id} {hashlib.sha256(_spelt(one).encode()).hexdigest()[:16]}" for one in policies]


def _spelt(value: object) -> str:
    """Return a value in words that are the same in every process."""
    if is_dataclass(value):
        return _spelt([(one.name, getattr(value, one.name)) for one in fields(value) if one.compare])
    if isinstance(value, Mapping):
        return _spelt(sorted(map(_spelt, value.items())))
    if isinstance(value, set | frozenset):
        return f"{{{', '.join(sorted(map(_spelt, value)))}}}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_spelt, value))}]"
    return repr(value)


class ResumeFile:
    """A file of what is done; its first line says for which question, so that it is not mixed up."""

    def __init__(self, path: Path, key: Mapping[str, Any]) -> None:
        self.path = path
        self.done: dict[str, Outcome] = {}
        path = path.resolve()
        if path.exists() and not path.is_file():
            raise UsageError(f"{path} is not a regular file", hint="name another --state file")
        head = json.dumps({"state": VERSION, **key}, sort_keys=True)
        try:
            lines = path.read_text("utf-8").splitlines() if path.exists() else []
        except (OSError, UnicodeDecodeError) as problem:
            raise UsageError(f"{path}: cannot be read", hint="name another --state file") from problem
        if lines and lines[0] != head:
            raise UsageError(
                f"{path} is the state of another scan",
                hint="the same policies and options resume it; remove the file to start again",
            )
        for number, text in enumerate(lines[1:], 2):
            try:
                outcome = restore(text)
            except (KeyError, ValueError, TypeError) as problem:
                if number == len(lines):
                    break  # the line that was being written when the scan was interrupted
                raise DataError(f"{path}: line {number} is damaged", hint="remove the line") from problem
            self.done[outcome[0].id] = outcome
        try:
            atomic.replace(
                path, "".join(f"{one}\n" for one in (head, *map(line, self.done.values()))).encode()
            )
        except OSError as problem:
            raise UsageError(
                f"cannot write {path}: {problem.strerror}", hint="name another file"
            ) from problem

    def add(self, outcome: Outcome) -> None:
        """Note that an endpoint is done; whoever kills the scan after this loses nothing (a power cut may cost the last few). Errors: UsageError."""
        self.done[outcome[0].id] = outcome
        try:
            with self.path.open("a", encoding="utf-8") as file:
                file.write(line(outcome) + "\n")
        except OSError as problem:
            raise UsageError(
                f"cannot write {self.path}: {problem.strerror}",
                hint="make room, or name another file; what it holds is not asked again",
            ) from problem

    def left(self, endpoints: Iterable[str]) -> list[str]:
        """Return the endpoints that are not done."""
        return [text for text in endpoints if text not in self.done]
