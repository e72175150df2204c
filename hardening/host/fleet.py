"""One hardening run over a fleet: what each host came to by its receipt, and the way back for all when one fails."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from hardening.errors import HardeningError
from hardening.findings import Examined, Finding, Result, Rule, Run, Subject, SubjectKind, Verdict, in_file
from hardening.host import playbook, rules, states
from hardening.host.playbook import HostReceipt, Receipt
from hardening.host.session import owed, unfinished

_IDLE = "the inventory asks for nothing on this host: tls_servers, components_absent, harden_credentials and harden_control_engine are empty"
_BEFORE_ITS_TURN = "the run ended before this host"


@dataclass(frozen=True, slots=True, kw_only=True)
class HostOutcome:
    """Outcome of one host."""

    host: str
    state: str
    """One of `states.STATES`."""
    why: tuple[str, ...] = ()
    made: tuple[str, ...] = ()
    """The transactions of this run that stand, oldest first."""
    pending: tuple[str, ...] = ()
    stopped: tuple[str, ...] = ()
    """Which services do not run and were not told of the change, one sentence each."""
    asked: bool = True
    """False where the run ended before this host."""

    @property
    def failed(self) -> bool:
        """Return whether this host keeps the run from being a success."""
        return not states.of(self.state).well


def answers(one: HostReceipt) -> Iterator[tuple[bool, Mapping[str, Any]]]:
    """Yield what each task answered, item by item, and whether that was a failure."""
    for row in one.tasks:
        items = row["result"].get("results")
        if items:
            yield from ((bool(item.get("failed")), item) for item in items)
        else:
            yield row["outcome"] == "failed", row["result"]


def outcome_of(one: HostReceipt) -> HostOutcome:
    """Return what a host came to by the receipt of a run."""
    replies = list(answers(one))
    made = tuple(a["tx"] for _, a in replies if a.get("changed") and a.get("state") == "committed")
    engines = [a["engine"] for _, a in replies if a.get("engine")]
    pending = tuple(e["line"] for e in engines if e["restart_pending"])
    left = {name for _, a in replies if a.get("state") == "committed" for name in a.get("left_stopped", ())}
    bad = [a.get("state") for failed, a in replies if failed]
    why = tuple(dict.fromkeys(" ".join(text.split()) for text in one.problems))
    if one.unreachable:
        state, why = "unknown" if one.cut else "unreachable", (one.lost, *why)
    elif "broken" in bad or any(a.get("owed") for failed, a in replies if failed):
        state = "broken"
    elif not all(word in ("refused", "rolled-back") for word in bad):
        state = "unknown"  # the agent did not answer: what it did is asked for afterwards
    elif bad:
        state = "kept" if made else "refused" if set(bad) == {"refused"} else "rolled-back"
    elif made:
        state = "committed"
    elif any(a.get("state") for _, a in replies):
        state = "current"
    else:  # no task went to the host: nobody knows whether it answers
        state, why = "untouched", (_IDLE,) if replies else ()
    stopped = tuple(f"{name} does not run and stays stopped" for name in sorted(left))
    return HostOutcome(host=one.host, state=state, why=why, made=made, pending=pending, stopped=stopped)


def outcomes_of(receipt: Receipt) -> list[HostOutcome]:
    """Return what every host that was meant came to, those too that a stopped run never came to; in the order of their names."""
    known = [outcome_of(one) for one in receipt.hosts]
    rest = set(receipt.meant) - {one.host for one in known}
    known += [
        HostOutcome(host=name, state="untouched", why=(_BEFORE_ITS_TURN,), asked=False) for name in rest
    ]
    return sorted(known, key=lambda one: one.host)


def names(hosts: Iterable[str], most: int = 3) -> str:
    """Return a few names as one word of a sentence."""
    known = list(hosts)
    return ", ".join(known[:most]) + (f" and {len(known) - most} more" if len(known) > most else "")


def lead_back(wanted: Mapping[str, Mapping[str, Any]], **how: Any) -> Receipt:
    """Run undo.yml for hosts whose upgrade or transactions are named; a run that cannot begin has no hosts."""
    variables = {**how.pop("variables", {}), "harden_undo": wanted}
    try:
        return playbook.run("undo.yml", variables=variables, **how)
    except HardeningError as problem:
        return Receipt(code=1, hosts=(), output=str(problem))


def undone(
    hosts: Sequence[HostOutcome], *, inventory: str | None, limit: str | None, flags: Sequence[str]
) -> list[HostOutcome]:
    """Lead back, by their transactions, the hosts that a failed run has changed; ask those of which nothing is known."""
    bad = [one.host for one in hosts if one.failed]
    if not bad:
        return list(hosts)
    why = f"{names(bad)} failed"
    wanted = {
        one.host: {"transactions": list(one.made), "why": why}
        for one in hosts
        if one.made or not states.of(one.state).asked
    }
    if not wanted:
        return list(hosts)
    found = lead_back(wanted, inventory=inventory, limit=limit, flags=flags)
    by_name = {one.host: one for one in found.hosts}
    return [
        after(one, by_name.get(one.host), why, found.output) if one.host in wanted else one for one in hosts
    ]


def after(one: HostOutcome, undo: HostReceipt | None, why: str, output: str = "") -> HostOutcome:
    """Return what a host came to once it was rolled back, or why it was not."""
    stays = one.state if one.state == "broken" or not states.of(one.state).asked else "kept"
    if undo is None:
        last = output.strip().rpartition("\n")[2] or "the host was not asked"
        return replace(one, state=stays, why=(*one.why, f"not rolled back: {last}"))
    if undo.unreachable or undo.problems:
        problems = [text for text in (undo.problems or [undo.lost]) if text not in one.why]
        return replace(one, state=stays, why=(*one.why, *(f"not rolled back: {text}" for text in problems)))
    rows = {row["id"]: row for row in undo.rows("transactions")}
    open_ones = [row for row in rows.values() if row["state"] in ("open", "applied")]
    if open_ones:
        return replace(one, state="unfinished", why=(*one.why, *map(unfinished, open_ones)))
    if names_owed := [
        f"transaction {name} has pending {owed(row)}" for name, row in rows.items() if owed(row)
    ]:
        return replace(one, state="broken", why=(*one.why, *names_owed))
    if any(rows.get(name, {}).get("state") == "committed" for name in one.made):
        return replace(one, state="kept", why=(*one.why, f"harden_undo_on_failure is false here; {why}"))
    back = f"earlier changes of this run are undone: {names(one.made)}" if one.made else ""
    reasons = (*one.why, back) if back else one.why
    return replace(
        one,
        state="rolled-back",
        why=reasons if one.why else (f"rolled back, because {why}",),
        pending=(),
        stopped=(),
    )


_RULES: Mapping[str, Rule] = {
    "committed": rules.APPLIED,
    "current": rules.APPLIED,
    "rolled-back": rules.LED_BACK,
    "refused": rules.REFUSED,
    "kept": rules.KEPT,
    "broken": rules.UNFINISHED,
    "unfinished": rules.UNFINISHED,
    "unreachable": rules.UNREACHABLE,
    "unknown": rules.UNREACHABLE,
    "untouched": rules.APPLIED,
}


def judged(hosts: Sequence[HostOutcome], started: datetime) -> Run:
    """Return a run with every host's state and the exit codes: 6 when all are as before, 7 when they are not.

    Where nothing was asked of any host, nothing was examined.
    """
    subjects, findings, results = [], [], []
    idle = all(one.state == "untouched" for one in hosts)
    for one in hosts:
        rule, state = _RULES[one.state], states.of(one.state)
        reason = "; ".join(one.why)
        examined = Examined.FULL if one.asked and state.asked and not idle else Examined.NONE
        subjects.append(
            Subject(
                id=one.host,
                kind=SubjectKind.HOST,
                examined=examined,
                reason=reason,
                stats={"state": one.state},
            )
        )
        results.append(Result(rule=rule, subject=one.host, verdict=state.verdict, reason=reason))
        if one.failed:
            findings += [_finding(rule, one.host, text) for text in one.why or (one.state,)]
        for line in one.pending:
            findings.append(_finding(rules.RESTART_PENDING, one.host, line))
            results.append(
                Result(rule=rules.RESTART_PENDING, subject=one.host, verdict=Verdict.PENDING, reason=line)
            )
        for line in one.stopped:
            findings.append(_finding(rules.LEFT_STOPPED, one.host, line))
            results.append(
                Result(rule=rules.LEFT_STOPPED, subject=one.host, verdict=Verdict.SKIPPED, reason=line)
            )
    codes = states.codes(one.state for one in hosts)
    return Run.of(subjects, findings, results, started=started, extra_codes=codes)


def _finding(rule: Rule, host: str, message: str) -> Finding:
    return Finding(rule=rule, subject=host, location=in_file(host), message=message, evidence=message)
