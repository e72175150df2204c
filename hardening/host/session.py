"""The control machine's side of a transaction: ask, apply, come back on a new connection, prove, confirm."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from hardening.errors import InputError, ProbeError
from hardening.host import onhost_request
from hardening.host.plans.plan import Plan

Execute = Callable[[bytes], tuple[str, str]]
"""Runs a Python program given on standard input on the target; returns what it printed and complained."""

Proof = Callable[[], Iterable[str]]
"""Looks at the target from outside after a change; returns what is wrong, one line each."""


def unproved(
    prove: Proof | None, patience: float, meanwhile: Callable[[], object] = lambda: None
) -> list[str]:
    """Ask for the proof for a while, until it holds: a graceful reload returns before the old workers are gone.

    Returns what is still wrong; `meanwhile` is called between two askings.
    """
    over = time.monotonic() + patience
    while prove is not None:
        try:
            wrong = list(prove())
        except Exception as problem:  # noqa: BLE001 - whatever it is, the change is not proved
            wrong = [f"the check from outside failed to run: {problem}"]
        if not wrong or time.monotonic() > over:
            return wrong
        meanwhile()
        time.sleep(0.5)
    return []


@dataclass(slots=True, kw_only=True)
class Session:
    """One target host, reached by whatever can run a program there."""

    execute: Execute
    where: str = "this machine"
    reconnect: Callable[[], None] = lambda: None
    """Drops the connection, so that what follows has to open a new one."""
    state: str | None = None
    """The agent's directory on the target; None: its default."""
    by: str = ""
    """Who changes the host, for its journal, where a plan does not say it."""
    local: bool = False
    """The target is this machine: the agent's code has the paths of this machine, for tracebacks and coverage."""
    patience: float = 8
    """Seconds for which a proof that does not hold is asked for again."""
    answers: list[dict[str, Any]] = field(default_factory=list)
    changing: bool = False
    """Whether the agent was asked for something that changes the host, answered or not."""

    def ask(self, verb: str, **more: Any) -> dict[str, Any]:
        """Ask the agent one thing. Errors: ProbeError when it does not answer, InputError when it could not look."""
        request = {"verb": verb, **({"state": self.state} if self.state else {}), **more}
        self.changing |= verb not in ("facts", "status", "check", "verify")
        key = onhost_request.fresh_key()
        output, complaint = self.execute(onhost_request.program(request, key=key, local=self.local))
        found = onhost_request.answer(output, complaint=complaint, where=self.where, key=key)
        self.answers.append(found)
        if verb == "facts" and found.get("failed"):  # a plan made of it would take the host for an empty one
            raise InputError(
                f"{self.where} was not examined: {found.get('msg')}",
                hint="use absolute paths, and read files of root as root (become: true)",
            )
        return found

    def carry_out(self, plan: Plan, *, check: bool = False, prove: Proof | None = None) -> dict[str, Any]:
        """Apply a plan (or predict it), and let it stand only when the host is still reached and the proof holds."""
        if check:
            return self.ask("check", plan=plan.to_json())
        row = plan.to_json()
        row["by"] = plan.by or self.by
        if prove is not None and not plan.deadman:
            row["deadman"] = 120
        done = self.ask("apply", plan=row)
        if done.get("state") != "applied":
            return done
        self.reconnect()
        stopped = done.get("left_stopped") and not done.get("services")  # nobody is there to be asked
        wrong = unproved(None if stopped else prove, self.patience)
        if wrong:
            why = "not proved: " + "; ".join(wrong)
            undone = self.ask("rollback", id=done["tx"], why=why)
            good = undone.get("state") == "rolled-back"
            return {**done, "failed": True, "changed": not good, "state": undone.get("state"), "msg": why}
        confirmed = self.ask("confirm", id=done["tx"])
        if confirmed.get("failed"):
            return {**done, **confirmed, "changed": confirmed.get("state") != "rolled-back"}
        probes = confirmed.get("probes", done.get("probes", []))
        return {**done, "state": "committed", "probes": probes, "proved": prove is not None and not stopped}


def here(*, state: str | None = None, python: str = sys.executable) -> Session:
    """Return a session with this machine itself."""
    import subprocess

    def execute(program: bytes) -> tuple[str, str]:
        try:
            done = subprocess.run([python, "-"], input=program, capture_output=True, timeout=900, check=False)
        except (OSError, subprocess.TimeoutExpired) as problem:
            raise ProbeError(f"cannot run {python}: {problem}", hint="name another interpreter") from problem
        return done.stdout.decode("utf-8", "replace"), done.stderr.decode("utf-8", "replace")

    return Session(execute=execute, state=state, local=True)


def owed(row: Mapping[str, Any]) -> str:
    """Return the commands and services that an undo could not make good, from an answer or a row of the status."""
    still = row.get("owed") or {}
    return ", ".join([*still.get("services", ()), *still.get("commands", ())])


def unfinished(row: Mapping[str, Any]) -> str:
    """Return how a transaction ends that is neither finished nor undone, from a row of the status, as one sentence."""
    if row["state"] == "applied" and row.get("left") is not None:
        return (
            f"transaction {row['id']} waits for its confirmation; unless it is confirmed, "
            f"the host undoes it within {row['left'] + 1} seconds"
        )
    return f"transaction {row['id']} is not finished; the host undoes it by itself as soon as it can"


def waits(row: Mapping[str, Any]) -> str:
    """Return what a service still runs that a person has to restart, from a row of the status, as one sentence."""
    if row["running"] == ["before"]:  # an upgrade's service, not a port
        return (
            f"{row['name']}: release {row['configured']} is installed and the earlier program still runs: "
            f"restart pending since {row['since']} by {row['by'] or 'an unknown person'}"
        )
    running = ",".join(map(str, row["running"])) or "none"
    return (
        f"{row['name']}: configured={row['configured']} running={running} "
        f"restart pending since {row['since']} by {row['by'] or 'an unknown person'}"
    )


def _shown(answer: Mapping[str, Any]) -> str:
    """Return how a change that stands was checked: `proved` is kept for what was reached from outside the host."""
    probes = [str(one["name"]) for one in answer.get("probes", ())]
    if answer.get("proved"):
        return " and proved"
    if any(name.startswith("listen ") for name in probes):
        return ", listening on the host"
    return ", probed on the host" if probes else ""


def summary(answer: dict[str, Any]) -> str:
    """Return one line about what happened, for people."""
    state, count = answer.get("state", "unknown"), len(answer.get("files", []))
    words = {
        "unchanged": "everything is as planned",
        "would-change": f"{count} paths would change",
        "committed": f"{count} paths changed{_shown(answer)}",
        "applied": f"{count} paths changed, waiting for the confirmation",
        "as-planned": "everything is as planned",
        "drifted": "not as planned",
        "undone": "there was nothing to undo",
        "nothing": "nothing to do",
        "rolled-back": "failed, and everything is as it was before",
        "refused": "refused, nothing was changed",
        "broken": "failed, and not everything could be undone; the host keeps trying",
    }
    text = words.get(str(state), str(state))
    if state == "committed" and answer.get("left_stopped"):
        text = f"{count} paths changed"
    if state == "rolled-back" and answer.get("failed") is False:
        text = "undone, and everything is as it was before"  # as was asked for
    if state == "rolled-back" and (names := owed(answer)):
        text += (
            f" except {names}, which could not be notified or does not run; the host tries again for an hour"
        )
    if state == "would-change" and (why := answer.get("not_staged")):
        text += f", which the servers' own checks did not test ({why})"
    return f"{text}: {answer['msg']}" if answer.get("msg") else text
