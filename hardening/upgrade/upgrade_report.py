"""Turn a playbook's receipt into a run: one subject per host, findings, the exit codes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from bundle.redact.lines import clear
from hardening.errors import ExitCode
from hardening.findings import (
    Confidence,
    Examined,
    Finding,
    Result,
    Rule,
    Run,
    Severity,
    Subject,
    SubjectKind,
    Verdict,
    in_file,
)
from hardening.host import fleet, states
from hardening.host import rules as host_rules
from hardening.host.playbook import HostReceipt, Receipt
from hardening.host.session import waits
from hardening.upgrade import audited, rules
from hardening.upgrade.logs.patterns import UNKNOWN, shipped

NAMED = 20
"""How many paths of one kind a report names; the number of all is in the message."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HostReport:
    """Outcome of one host."""

    host: str
    state: str
    """One of `states.STATES`."""
    why: tuple[str, ...]
    row: Mapping[str, Any]

    @property
    def failed(self) -> bool:
        """Return whether this host keeps the run from being a success."""
        return not states.of(self.state).well


def host_report(one: HostReceipt) -> HostReport:
    """Return what became of one host, from the last thing it said."""
    rows = [task["result"]["upgrade"] for task in one.tasks if task["result"].get("upgrade")]
    row: dict[str, Any] = {}
    for found in rows:
        row = {**row, **found}
    state = str(row.get("state", "untouched"))
    why = list(row.get("problems") or [])
    if one.unreachable and not (one.cut and state in states.FINISHED):
        state, why = "unknown" if one.cut else "unreachable", [one.lost, *why]
    elif state in states.INSTALLED or (state == "refused" and row.get("id")):
        # a host that took the bundle and refuses a later word (its disk is full) is not one that refused the bundle
        state, why = "unfinished", [*why, *one.problems]
    elif not rows and one.problems:
        state, why = "unfit", one.problems
    elif state in ("fit", "open") and one.problems:
        state, why = "unfinished", one.problems
    return HostReport(host=one.host, state=state, why=tuple(dict.fromkeys(map(clear, why))), row=row)


def to_undo(hosts: Iterable[HostReport]) -> dict[str, dict[str, str]]:
    """Return what undo.yml is given: the upgrades that this run has finished, when a host that was begun has failed.

    Hosts that were unfit from the start, and left out, are no reason to undo the others.
    """
    hosts = list(hosts)
    bad = [one.host for one in hosts if one.failed and one.row.get("verdict") in ("fit", "open", "current")]
    done = [one for one in hosts if one.state == "committed" and one.row.get("id")]
    why = f"{fleet.names(bad)} failed"
    return {one.host: {"upgrade": str(one.row["id"]), "why": why} for one in done} if bad else {}


def undone(one: HostReport, undo: HostReceipt | None, output: str = "") -> HostReport:
    """Return what became of a finished upgrade that was to be rolled back since another host failed."""
    rows = [task["result"]["upgrade"] for task in undo.tasks if task["result"].get("upgrade")] if undo else []
    row = rows[-1] if rows else {}
    if row.get("state") in ("rolled-back", "broken"):
        why = tuple(map(clear, row.get("problems") or []))
        return replace(one, state=str(row["state"]), why=why, row={**one.row, **row, "pending": []})
    if undo is None:
        why = (output.strip().rpartition("\n")[2] or "the host was not asked",)
    elif undo.unreachable:
        why = (undo.lost,)
    else:
        why = tuple(undo.problems) or ("harden_undo_on_failure is false here",)
    return replace(one, state="kept", why=tuple(f"not rolled back: {clear(text)}" for text in why))


def judged(receipt: Receipt, started: datetime, *, planned: bool = False, undo: Receipt | None = None) -> Run:
    """Return a run over all hosts with the exit codes of the contract; `undo` came after it, where it had to."""
    hosts = [host_report(one) for one in receipt.hosts]
    if undo is not None:
        wanted, by_host = to_undo(hosts), {one.host: one for one in undo.hosts}
        hosts = [undone(h, by_host.get(h.host), undo.output) if h.host in wanted else h for h in hosts]
    if not planned:
        hosts = [replace(one, state="untouched") if one.state == "fit" else one for one in hosts]
    subjects = [_subject(one) for one in hosts]
    findings = [f for one in hosts for f in _findings(one)]
    results = [r for one in hosts for r in _results(one, planned=planned)]
    return Run.of(subjects, findings, results, started=started, extra_codes=codes(hosts))


def codes(hosts: Iterable[HostReport]) -> set[ExitCode]:
    """Return the exit codes that the hosts' states ask for."""
    return _codes({one.state for one in hosts})


def _codes(names: set[str]) -> set[ExitCode]:
    refused = {ExitCode.REFUSED} if {"older", "refused"} & names else set()
    return refused | states.codes(names)


def of_host(run: Run, host: str) -> Run:
    """Return the part of a fleet's run that is about one host, with the exit code that this host asks for."""
    mine = tuple(s for s in run.subjects if s.id == host)
    return replace(
        run,
        subjects=mine,
        extra_codes=frozenset(_codes({str(s.stats["state"]) for s in mine})),
        findings=tuple(f for f in run.findings if f.subject == host),
        results=tuple(r for r in run.results if r.subject == host),
    )


def lines(run: Run) -> Iterable[str]:
    """Yield one line per host, for people: what it has, what it had, how it ended."""
    for one in run.subjects:
        stats = one.stats
        text = f"{one.id:<24}  {stats.get('state', ''):<11}  {stats.get('from') or '?'} -> {stats.get('to') or '?'}"
        reasons = [
            r.reason
            for r in run.results
            if r.subject == one.id and r.reason and r.rule.id not in (rules.AUDITED.id, rules.DONE.id)
        ]
        yield text + (f"  {reasons[0][:160]}" if reasons else "")


def _subject(one: HostReport) -> Subject:
    row = one.row
    stats: dict[str, Any] = {"state": one.state, "from": row.get("from", ""), "to": row.get("to", "")}
    stats["upgrade"] = row.get("id", "")
    for key in ("steps", "packages", "restored", "disk", "services", "database"):
        if row.get(key):
            stats[key] = row[key]
    if row.get("leftovers"):
        stats["left_behind"] = {key: len(paths) for key, paths in row["leftovers"].items()}
    examined = Examined.FULL if states.of(one.state).asked else Examined.NONE
    return Subject(
        id=one.host,
        kind=SubjectKind.HOST,
        examined=examined,
        stats=stats,
        reason=_reason(one) if one.failed else "",
    )


def _reason(one: HostReport) -> str:
    return "; ".join(one.why) or one.state


_RULES: Mapping[str, Rule] = {
    "committed": rules.DONE,
    "current": rules.DONE,
    "rolled-back": rules.ROLLED_BACK,
    "kept": host_rules.KEPT,
    "broken": rules.BROKEN,
    "lost": rules.LOST,
    "unfit": rules.FIT,
    "older": rules.OLDER,
    "refused": rules.REFUSED,
    "unfinished": rules.UNFINISHED,
    "unreachable": host_rules.UNREACHABLE,
    "unknown": host_rules.UNREACHABLE,
    "fit": rules.UNTOUCHED,
    "open": rules.UNTOUCHED,
    "untouched": rules.UNTOUCHED,
}


def _says(one: HostReport) -> tuple[Rule, Verdict]:
    return _RULES.get(one.state, rules.UNFINISHED), states.of(one.state).verdict


def _results(one: HostReport, *, planned: bool) -> Iterable[Result]:
    rule, verdict = _says(one)
    reason = _reason(one) if one.failed else ""
    if planned and one.state in ("fit", "open"):
        rule, verdict, reason = rules.FIT, Verdict.PASS, would(one)
    elif verdict is Verdict.SKIPPED:
        reason = "the run ended before this host's turn; it was not touched"
    elif verdict is Verdict.PASS:
        reason = _became(one.row)
    yield Result(rule=rule, subject=one.host, verdict=verdict, reason=reason)
    if audit := one.row.get("audit"):
        judged = (
            Verdict.SKIPPED
            if audit.get("planned")
            else Verdict.FAIL
            if audit.get("failing")
            else Verdict.PASS
        )
        if audit.get("why"):
            judged = Verdict.INCONCLUSIVE
        yield Result(rule=rules.AUDITED, subject=one.host, verdict=judged, reason=audited.sentence(audit))
    for row in one.row.get("pending") or []:
        yield Result(rule=_pending_rule(row), subject=one.host, verdict=Verdict.PENDING, reason=waits(row))


def _became(row: Mapping[str, Any]) -> str:
    """Return before and after of a host that has the new release, as one sentence."""
    packages, steps = row.get("packages") or {}, row.get("steps") or []
    text = f"{row.get('from') or '?'} -> {row.get('to') or '?'}"
    text += f"; {len(steps)} steps, {steps[0]['began']} to {steps[-1]['ended']}" if steps else ""
    return text + _packages(packages)


def _packages(packages: Mapping[str, Sequence[str]]) -> str:
    words = [f"{len(names)} {what}: {', '.join(names[:NAMED])}" for what, names in packages.items() if names]
    return f"; packages {'; '.join(words)}" if words else ""


def _restored(row: Mapping[str, Any]) -> str:
    """Return what was put back on a host that was rolled back, as one sentence."""
    if "restored" not in row:
        return ""
    paths = [f"{one['path']} ({one['changed']} entries were changed)" for one in row["restored"]]
    if not paths:
        return "nothing had to be restored: the installer had not begun"
    paths += ["the database (compared with its dump)"] if row.get("database") else []
    return f"restored: {', '.join(paths)}{_packages(row.get('packages') or {})}"


def would(one: HostReport) -> str:
    """Return what an upgrade would do to a host, as one sentence."""
    row = one.row
    kept = ", ".join(f"{p['path']} ({p['bytes']} bytes)" for p in row.get("paths") or [] if p["present"])
    disk = row.get("disk") or {}
    return (
        f"would copy {kept or 'nothing'}, stop and start its services, run the installer; "
        f"{disk.get('need', 0) >> 20} of {disk.get('free', 0) >> 20} MiB free are needed in {disk.get('place', '?')}"
    )


def _pending_rule(row: Mapping[str, Any]) -> Rule:
    return host_rules.RESTART_PENDING if "previous" in row else rules.PENDING


def _findings(one: HostReport) -> Iterable[Finding]:
    if one.failed:
        rule, _ = _says(one)
        for why in one.why or (one.state,):
            yield _finding(rule, one.host, why, _restored(one.row))
    for kind, paths in (one.row.get("leftovers") or {}).items():
        for path in paths[:NAMED]:
            yield Finding(
                rule=rules.LEFT, subject=one.host, location=in_file(path), message=f"{kind} by the installer"
            )
        if len(paths) > NAMED:
            yield _finding(rules.LEFT, one.host, f"{len(paths) - NAMED} further paths {kind}")
    for row in one.row.get("pending") or []:
        yield _finding(_pending_rule(row), one.host, waits(row))
    if audit := one.row.get("audit"):
        yield from audited.findings(one.host, audit, back=one.state not in ("committed", "fit", "kept"))
    known = {rule.id: rule for rule in (*(m.rule for m in shipped()), UNKNOWN)}
    for row in one.row.get("log") or []:
        yield Finding(
            rule=known.get(row["rule"], UNKNOWN),
            subject=one.host,
            location=in_file("installer log", row["line"] or None),
            message=row["message"],
            evidence=row["evidence"],
            severity=Severity[row["severity"].upper()],
            confidence=Confidence.MEDIUM,
        )


def _finding(rule: Rule, host: str, message: str, evidence: str = "") -> Finding:
    return Finding(
        rule=rule, subject=host, location=in_file(host), message=message, evidence=evidence or message
    )
