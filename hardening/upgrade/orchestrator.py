"""The control machine's side of one host's upgrade: look, begin, watch, triage the log, settle, prove, commit.

Everything that must not be lost is on the host; whoever comes back later finds the same upgrade and goes on.
"""

from __future__ import annotations

import base64
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bundle.redact.lines import redacted
from hardening.errors import ProbeError
from hardening.findings import Severity
from hardening.host import onhost_request, states
from hardening.host.session import Proof, unproved
from hardening.upgrade import audited
from hardening.upgrade.admission import AdmittedUpgrade, older
from hardening.upgrade.hostaudit import HostAudit

Ask = Callable[..., dict[str, Any]]
"""Asks the host's program one verb; returns its answer. Errors: ProbeError."""

CLOCK = 300
"""Seconds by which a host's clock may differ from this machine's."""
WORDS = {
    "begun": "backup",
    "backedup": "maintenance, backup",
    "installing": "install",
    "installed": "configure",
    "settling": "restart",
    "settled": "verify",
    "committed": "done",
    "rollingback": "rolling back",
    "rolled-back": "rolled back",
    "broken": "BROKEN",
}
"""What an operator sees of lines in the host's journal: the stage that has begun. The others are details of a stage."""
STOPS = ("unfit", "older", "unfinished", "lost")
"""Verdicts of a look after which nothing is begun on the host."""
AFTER = (*states.INSTALLED, *states.FINISHED, "rollingback", "broken")
"""Lines that come after the installer's last word."""


@dataclass(slots=True, kw_only=True)
class Orchestrator:
    """One host and one job."""

    ask: Ask
    job: AdmittedUpgrade | None
    """None when only a rollback is wanted."""
    upload: Callable[[Path], str] = str
    """Brings the bundle to the host; returns where it lies there."""
    say: Callable[..., None] = lambda **_event: None
    """Told of every step: `stage`, `text`."""
    log: Path | None = None
    """Where the installer's log is kept on this machine."""
    by: str = ""
    deadman: float = 900
    audit: HostAudit | None = None
    """Looks at the host's files before the first change and after the last; None: nobody does."""
    install_agent: bool = True
    force_older: str = ""
    poll: float = 10
    patience: float = 8
    """Seconds for which an outside proof that does not hold is asked for again."""
    seen: int = 0
    offset: int = 0
    triaged: list[dict[str, Any]] = field(default_factory=list)

    @property
    def _job(self) -> AdmittedUpgrade:
        if self.job is None:
            raise ProbeError(
                "no verified bundle was named", hint="harden upgrade apply BUNDLE verifies one first"
            )
        return self.job

    def look(self) -> dict[str, Any]:
        """Look whether the host is fit and what would happen; nothing is changed there.

        The answer's `verdict` is current, fit, open, or one of `STOPS`. An upgrade that is under way by somebody
        else is `unfinished`; one whose copies were taken away is `lost`: nobody knows what is on that host.
        """
        begun = time.time()
        answer = self.ask("look", recipe=self._job.recipe, size=self._job.size, unpacked=self._job.unpacked,
                          release=self._job.release)  # fmt: skip
        problems = list(answer.get("problems", []))
        if answer.get("failed"):
            problems.append(str(answer.get("msg")))
        clock = float(answer.get("time", begun))
        if not begun - CLOCK <= clock <= time.time() + CLOCK:
            problems.append(f"the host's clock differs by {round(clock - begun)} seconds")
        record = answer.get("record") or {}
        if (
            record.get("latest")
            and time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(clock)) < record["latest"][:19]
        ):
            problems.append("the host's clock is earlier than the signature of its installed release")
        reason = older(self._job, answer)
        verdict = "unfit" if problems else "fit"
        open_one = answer.get("open")
        if answer.get("lost"):  # what its version file says proves nothing
            verdict = "lost"
        elif open_one:
            verdict = "open"
            if open_one["sha256"] != self._job.sha256 and answer.get("alive"):
                problems.append(f"an upgrade to {open_one['release']} is under way since {open_one['begun']}")
                verdict = "unfinished"
        elif reason and not self.force_older:
            verdict, problems = "older", [reason]
        elif answer.get("installed") == re.sub("^[vV](?=[0-9])", "", self._job.release) and not reason:
            verdict = "current"
        return {**answer, "problems": problems, "verdict": verdict, "older": reason}

    def install(self) -> dict[str, Any]:
        """Bring the bundle, begin or find the upgrade, and watch it until it is installed or rolled back."""
        looked = self.look()
        self.say(stage="preflight", text=looked["verdict"])
        if looked["verdict"] in STOPS:
            return {"state": looked["verdict"], "failed": True, "changed": False,
                    "problems": looked["problems"], "from": looked.get("installed", "")}  # fmt: skip
        if looked["verdict"] == "current":
            return {"state": "current", "changed": False, "from": looked["installed"], "to": self._job.release,
                    "pending": self._pending()}  # fmt: skip
        before = self.audit.before() if self.audit is not None and looked["verdict"] == "fit" else None
        self.say(stage="upload", text=f"{self._job.size} bytes")
        where = self.upload(Path(self._job.bundle))
        signature = self.upload(Path(self._job.signature)) if self._job.signature else ""
        begun = self.ask("begin", **self.request(looked), audited=before, uploaded=where, signature=signature)
        if begun.get("failed"):
            state = "refused" if begun.get("untrusted") else self._not_begun()
            return {"state": state, "failed": True, "changed": False, "problems": [str(begun.get("msg"))]}
        answer = self.watch(begun["id"], states.INSTALLED)
        if answer["state"] in states.INSTALLED:
            stop = self._fatal()
            if stop:
                return self._failed(begun["id"], f"the installer's log stops the upgrade: {stop}")
            return {"state": answer["state"], "id": begun["id"], "changed": True, "log": self.triaged,
                    "from": looked.get("installed", ""), "to": self._job.release}  # fmt: skip
        return self.ended(answer)

    def _not_begun(self) -> str:
        """Return the state of a host that did not begin: as it was, unless an earlier upgrade is not at its end."""
        now = self.look()["verdict"]
        return "unfinished" if now == "open" else now if now in ("lost", "unfinished") else "unfit"

    def finish(self, upgrade: str, prove: Proof | None = None) -> dict[str, Any]:
        """Restart, let the host look, prove from outside, and commit; or lead the host back."""
        now = self.ask("watch", id=upgrade, wait=0)
        self.seen, self.offset = len(now.get("events", [])), now.get("size", 0)
        if now.get("state") == "installed":
            ordered = self.ask("order", id=upgrade, do="settle")
            if ordered.get("failed"):
                return self.ended(self.watch(upgrade, ()))
        answer = self.watch(upgrade, ("settled",))
        if answer["state"] != "settled":
            return self.ended(answer)
        again = {"id": upgrade, "after": self.seen, "offset": self.offset, "wait": 0}
        wrong = unproved(prove, self.patience, lambda: self.ask("watch", **again))
        seen: dict[str, Any] = {}
        if not wrong and self.audit is not None:
            self.say(stage="verify", text="host audit")
            before = self.ask("watch", id=upgrade, wait=0, audited=True).get("audited")
            seen["audit"], wrong = self.audit.after(before)
            self.say(stage="verify", text=audited.sentence(seen["audit"]))
        if wrong:
            return {**self._failed(upgrade, "not proved: " + "; ".join(wrong)), **seen}
        self.ask("order", id=upgrade, do="commit")
        return {**self.ended(self.watch(upgrade, ())), "pending": self._pending(), **seen}

    def back(self, upgrade: str, why: str, *, force: bool = False, check: bool = False) -> dict[str, Any]:
        """Lead the host back and wait for it."""
        self.say(stage="rolling back", text=why)
        if not self.seen:  # what came before was told by whoever watched it
            now = self.ask("watch", id=upgrade, wait=0)
            self.seen, self.offset = len(now.get("events", [])), now.get("size", 0)
        answer = self.ask("order", id=upgrade, do="rollback", why=why, force=force, check=check)
        if answer.get("failed") or check:
            return {**answer, "problems": [str(answer["msg"])] if answer.get("failed") else []}
        ended = self.ended(self.watch(upgrade, (), past="committed"))
        return {
            **ended,
            "failed": ended["state"] != "rolled-back",
            "changed": ended["state"] == "rolled-back",
        }

    def _failed(self, upgrade: str, why: str) -> dict[str, Any]:
        return {**self.back(upgrade, why), "failed": True, "changed": False}

    def watch(self, upgrade: str, until: tuple[str, ...], *, past: str = "") -> dict[str, Any]:
        """Follow the host's journal and log until one of `until`, or the end."""
        while True:
            answer = self._watched(upgrade, wait=self.poll, until=list(until))
            self.seen += len(answer["events"])
            self._tell(answer)
            state = answer["state"]
            if (state in states.FINISHED and state != past) or state == "broken":
                while answer["offset"] < answer["size"]:
                    answer = self._watched(upgrade, wait=0)
                    self._keep(answer)
                return answer
            if state in until and answer["offset"] >= answer["size"]:
                return answer

    def _watched(self, upgrade: str, **how: Any) -> dict[str, Any]:
        answer = self.ask("watch", id=upgrade, after=self.seen, offset=self.offset, **how)
        if answer.get("failed"):
            raise ProbeError(str(answer.get("msg")), hint="harden upgrade status shows the host's own state")
        return answer

    def _tell(self, answer: dict[str, Any]) -> None:
        """Say what stages have begun, and the installer's last word in its place among them."""
        kept = False
        for event in answer["events"]:
            if not kept and event["event"] in AFTER:
                self._keep(answer)
                kept = True
            if event["event"] in WORDS:
                self.say(stage=WORDS[event["event"]], text=event.get("why", ""), at=event["time"])
        if not kept:
            self._keep(answer)

    def ended(self, answer: dict[str, Any]) -> dict[str, Any]:
        """Return what a finished upgrade came to, for the report."""
        found = dict(answer.get("result") or {})
        state = answer["state"]
        if not self.triaged:
            self._fatal()
        log = {"log": self.triaged} if self.triaged else {}
        why = [found.pop("why")] if found.get("why") else []
        return {
            **found,
            "state": state,
            "id": answer["id"],
            "failed": state != "committed",
            "changed": state == "committed",
            "problems": [redacted(text) for text in (*why, *(found.get("problems") or []))],
            **log,
        }

    def _pending(self) -> list[dict[str, Any]]:
        """Return what still waits for a person on this host."""
        return [row for row in self.ask("status").get("pending", []) if not row["resolved"]]

    def request(self, looked: dict[str, Any]) -> dict[str, Any]:
        """Return what `begin` is asked with, after `look`."""
        job = self._job
        request: dict[str, Any] = {
            "recipe": job.recipe,
            "bundle": {"sha256": job.sha256, "size": job.size, "name": Path(job.bundle).name},
            "product": job.product,
            "release": job.release,
            "created": job.created,
            "stop": job.stop,
            "by": self.by,
            "deadman": self.deadman,
            "install": self.install_agent,
        }
        if looked["older"]:
            request["forced"] = {"product": job.product, "from": looked.get("installed", ""), "to": job.release,
                                 "reason": self.force_older, "when": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())}  # fmt: skip
        return request

    def _keep(self, answer: dict[str, Any]) -> None:
        """Add the next piece of the installer's log to the copy on this machine."""
        text = onhost_request.unpacked(base64.b64decode(answer["log"])) if answer.get("log") else b""
        self.offset = answer["offset"]
        if not text:
            return
        if self.log is not None:
            if answer["offset"] == len(text):
                self.log.touch(mode=0o600)
                self.log.write_bytes(text)
            else:
                with self.log.open("ab") as out:
                    out.write(text)
        last = text.decode("utf-8", "replace").rstrip().rpartition("\n")[2]
        self.say(stage="install", text=redacted(last))

    def _fatal(self) -> str:
        """Triage the whole log with its context; return the first reason to stop, or an empty text."""
        if self.log is None or not self.log.exists():
            return ""
        from hardening.upgrade.logs.patterns import load
        from hardening.upgrade.logs.triage import Triage

        own = self.job.log_rules if self.job is not None else ""
        run = Triage(load(Path(own)) if own else ()).logs([self.log])
        self.triaged = [
            {"rule": f.rule.id, "severity": f.level.label, "message": f.message, "evidence": f.evidence,
             "line": getattr(f.location, "line", None) or 0}
            for f in run.findings
        ]  # fmt: skip
        worst = [f for f in run.findings if f.level >= Severity.HIGH]
        return f"{worst[0].rule.id}: {worst[0].message}" if worst else ""
