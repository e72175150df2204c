"""Runs a shipped playbook and reads the receipt it writes: what each task came to on each host."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

from hardening import resources
from hardening.errors import InputError, NothingExaminedError, UsageError, install_extra
from hardening.findings import Examined, Finding, Result, Rule, Run, Subject, SubjectKind, Verdict, in_file
from hardening.host import private, rules
from hardening.host.session import waits
from hardening.signals import Ended

_NO_ROOM = "Failed to create temporary directory"
_BY_SSH = re.compile(
    r"^(Task failed: )?((Failed to connect to the host via|Data could not be sent to .* over) ssh: )?"
)
_PATIENCE = 5.0
"""Seconds that Ansible gets to end by itself."""


@dataclass(slots=True, kw_only=True)
class HostReceipt:
    """Results of one host's tasks, in order."""

    host: str
    tasks: list[dict[str, Any]] = field(default_factory=list)
    cut: bool = False
    """Ansible came to no end (it was killed, or failed itself): what else was to be done here nobody knows."""

    @property
    def unreachable(self) -> bool:
        """Return whether the connection failed, or nobody was left to use it."""
        return self.cut or any(row["outcome"] == "unreachable" for row in self.tasks)

    @property
    def lost(self) -> str:
        """Return that the host cannot be reached, and why, as Ansible says it; no addresses of files that come and go."""
        rows = [row["result"] for row in self.tasks if row["outcome"] == "unreachable"]
        # of a loop Ansible says "All items completed", and why only of its items
        every = [item for row in rows for item in (row.get("results") or [row])]
        messages = [str(item["msg"]) for item in every if item.get("msg")]
        if _NO_ROOM in "".join(messages):  # it was reached, and a full disk is what stops most upgrades
            return "Ansible cannot work on the host: it cannot make a folder in the account's home (a full or read-only disk, a restricted shell)"
        if self.cut and not rows:
            return "Ansible ended before it was done with this host"
        lines = [line.strip() for line in "".join(messages[-1:]).splitlines() if line.strip()]
        why = _BY_SSH.sub("", lines[-1]) if lines else ""
        if why.endswith("over ssh:"):  # Ansible gives no reason where a connection broke off
            why = "the connection was lost"
        return "the host cannot be reached" + (f": {why}" if why else "")

    @property
    def problems(self) -> list[str]:
        """Return what failed, one line each."""
        failed = [row["result"] for row in self.tasks if row["outcome"] == "failed"]
        messages: list[str] = []
        for one in failed:
            items = [item for item in one.get("results", []) if item.get("failed")] or [one]
            for item in items:
                messages += item.get("problems") or [str(item.get("msg", "failed"))]
        return messages

    @property
    def engines(self) -> list[dict[str, Any]]:
        """Return what was seen of the host's control engine, once for each task that looked."""
        return [row["result"]["engine"] for row in self.tasks if row["result"].get("engine")]

    def rows(self, key: str) -> list[Any]:
        """Return what every task returned under `key`, joined."""
        return [value for row in self.tasks for value in row["result"].get(key) or []]


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """One run of one playbook."""

    code: int
    hosts: tuple[HostReceipt, ...]
    output: str
    meant: tuple[str, ...] = ()
    """Every host that the inventory and the limit mean; a run that stops may not have come to all of them."""


def run(
    name: str,
    *,
    inventory: str | None,
    limit: str | None = None,
    variables: Mapping[str, Any] | None = None,
    flags: Sequence[str] = (),
    show: bool = False,
) -> Receipt:
    """Run a shipped playbook. Errors: UsageError (no Ansible, no such inventory), NothingExaminedError."""
    program = ready(inventory, flags)
    with private.folder("harden-") as folder:
        receipt, extra = folder / "receipt.jsonl", folder / "variables.json"
        extra.touch(mode=0o600)
        extra.write_text(json.dumps(dict(variables or {})), encoding="utf-8")
        argv = [program, str(resources.playbooks() / name), "-e", f"@{extra}", *flags]
        argv += ["-i", inventory] if inventory else ["-i", "localhost,", "-c", "local"]
        argv += ["--limit", limit] if limit else []
        code, output = _ended(argv, _environment(receipt, folder, local=inventory is None), show=show)
        lines = receipt.read_text("utf-8").splitlines() if receipt.exists() else []
    hosts: dict[str, HostReceipt] = {}
    meant: set[str] = set()
    for row in _rows(lines):
        if "meant" in row:
            meant.update(row["meant"])
            continue
        one = hosts.setdefault(row["host"], HostReceipt(host=row["host"], cut=True))
        if "stats" in row:  # what Ansible says of every host when it has come to its end
            one.cut = False
        else:
            one.tasks.append(row)
    if not hosts:
        raise NothingExaminedError(f"no host was asked: {_why_nobody(output)}", hint="check -i and --limit")
    return Receipt(
        code=code, hosts=tuple(hosts[h] for h in sorted(hosts)), output=output, meant=tuple(sorted(meant))
    )


def _rows(lines: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Yield what the callback wrote; a last line that Ansible was killed over is not there to the end."""
    for number, line in enumerate(lines, 1):
        try:
            yield json.loads(line)
        except ValueError:
            if number < len(lines):
                raise


def _checked(flags: Sequence[str]) -> None:
    """Refuse variables that Ansible would drop in silence, or say of the inventory."""
    for flag, value in pairwise(flags):
        if flag != "-e" or value.startswith(("{", "[")):
            continue
        if value.startswith("@"):
            file = os.path.expanduser(value[1:])  # noqa: PTH111 - Path's own raises without a home
            if not Path(file).exists():
                raise UsageError(f"-e {value}: there is no such file", hint="check the path")
            if not os.access(file, os.R_OK):
                raise InputError(f"-e {value}: permission denied", hint="check the path and its permissions")
        elif "=" not in value:
            raise UsageError(f"-e {value}: names no value", hint="-e KEY=VALUE or -e @FILE")


_UNREAD = re.compile(r"Failed to parse .*\bwith '?(yaml|ini|script)'? plugin: (.+)")
_UNREAD_AT = re.compile(r"^Origin: (.+:\d+:\d+)$", re.MULTILINE)


_ERRORS = ("[ERROR]", "ERROR!", "ERROR:")
"""How Ansible begins what it ends with; the last one before it has begun itself."""


def _why_nobody(output: str) -> str:
    """Return Ansible's own reason: its error, else what is wrong with the inventory, as the plugin says that is meant for it."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    if error := next((line for line in reversed(lines) if line.startswith(_ERRORS)), ""):
        return error
    if broken := next((line for line in lines if line.endswith("as an inventory source")), ""):
        broken = broken.removeprefix("[WARNING]:").strip()
        meant = "yaml" if broken.split(" as an ")[0].endswith((".yml", ".yaml", ".json")) else "ini"
        reasons = {match[1]: match[2] for match in map(_UNREAD.search, lines) if match}
        at = _UNREAD_AT.search(output) if meant == "yaml" else None
        return ": ".join(filter(None, (broken, at and at[1], reasons.get(meant))))
    return "the inventory has no host that matches"


def _ended(argv: Sequence[str], environment: Mapping[str, str], *, show: bool) -> tuple[int, str]:
    """Run Ansible to its end and return its exit code and what it printed; an interruption ends it, too."""
    kept = None if show else subprocess.PIPE
    unasked = None if show else subprocess.DEVNULL  # nobody would see what is asked
    with subprocess.Popen(
        argv, env=environment, stdin=unasked, stdout=kept, stderr=kept, encoding="utf-8", errors="replace"
    ) as ansible:
        try:
            streams = ansible.communicate()
        except BaseException as why:
            # asked as by Ctrl-C, it ends what it runs; killed, it would leave that behind. A real Ctrl-C reached it.
            if isinstance(why, Ended):
                ansible.send_signal(signal.SIGINT)
            for harder in (signal.SIGINT, signal.SIGKILL):
                try:
                    ansible.wait(_PATIENCE)
                    break
                except subprocess.TimeoutExpired:
                    ansible.send_signal(harder)
            raise
    return ansible.returncode, "".join(text or "" for text in streams)


def ready(inventory: str | None, flags: Sequence[str] = ()) -> str:
    """Return the program that runs playbooks. Errors: UsageError where it, the inventory or a file of variables is not there."""
    _checked(flags)
    if inventory is not None and "," not in inventory:
        if not Path(inventory).exists():
            raise UsageError(
                f"{inventory}: there is no such inventory", hint="name a file, a folder, or hosts with commas"
            )
        if not os.access(inventory, os.R_OK) and not os.access(
            inventory, os.X_OK
        ):  # a program need not be read
            raise InputError(f"{inventory}: permission denied", hint="check the path and its permissions")
    beside = Path(sys.executable).with_name("ansible-playbook")
    found = str(beside) if beside.exists() else shutil.which("ansible-playbook")
    if found is None:
        raise UsageError("ansible-playbook is not installed", hint=install_extra("ansible"))
    return found


def _environment(receipt: Path, folder: Path, *, local: bool) -> dict[str, str]:
    home = {"ANSIBLE_HOME": str(folder), "ANSIBLE_SSH_CONTROL_PATH_DIR": str(folder / "cp")}
    return {
        **({} if _has_home() else home),
        **({"ANSIBLE_REMOTE_TEMP": str(folder / "remote")} if local else {}),
        **os.environ,
        "ANSIBLE_CALLBACKS_ENABLED": "aspect.hardening.receipt",
        "ANSIBLE_CONFIG": os.environ.get("ANSIBLE_CONFIG", str(resources.playbooks() / "ansible.cfg")),
        "ANSIBLE_COLLECTIONS_PATH": str(resources.playbooks() / "collections"),
        "ANSIBLE_LOCALHOST_WARNING": "False",
        "HARDEN_RECEIPT": str(receipt),
    }


def _has_home() -> bool:
    """Return whether Ansible can keep its own folder in the account's home; without one it does not start."""
    own = os.path.expanduser("~/.ansible")  # noqa: PTH111 - Path's own raises without a home
    place = own if os.path.exists(own) else os.path.dirname(own)  # noqa: PTH110, PTH120 - nor where it may not be entered
    return os.path.isabs(own) and os.access(place, os.W_OK | os.X_OK)  # noqa: PTH117 - as above


def judged(receipt: Receipt, started: Any) -> Run:
    """Return a verification's receipt as a run: one subject per host."""
    subjects, findings, results = [], [], []
    for one in receipt.hosts:
        if one.unreachable:
            subjects.append(
                Subject(id=one.host, kind=SubjectKind.HOST, examined=Examined.NONE, reason=one.lost)
            )
            findings.append(_finding(rules.UNREACHABLE, one.host, one.lost))
            results.append(
                Result(rule=rules.ASKED, subject=one.host, verdict=Verdict.INCONCLUSIVE, reason=one.lost)
            )
            continue
        partial = _engine_unseen(one)
        subjects.append(
            Subject(
                id=one.host,
                kind=SubjectKind.HOST,
                stats={"tasks": len(one.tasks)},
                examined=Examined.PARTIAL if partial else Examined.FULL,
                reason="; ".join(text for _, text in partial),
            )
        )
        findings += [_finding(rule, one.host, text) for rule, text in partial]
        findings += [
            _finding(rule, one.host, row[key])
            for row in one.engines
            for key, rule in (("shut_off", rules.ENGINE_SHUT), ("open_to_all", rules.ENGINE_OPEN))
            if row[key]
        ]
        findings += [_finding(rules.DRIFTED, one.host, problem) for problem in one.problems]
        for tx in one.rows("transactions"):
            if tx["state"] == "open" or tx.get("owed"):
                findings.append(
                    _finding(rules.UNFINISHED, one.host, f"transaction {tx['id']} is {tx['state']}")
                )
        waiting = [waits(row) for row in one.rows("pending") if not row["resolved"]]
        if not any(line.startswith("control-engine: configured") for line in waiting):  # a change by hand
            waiting += [f"control-engine: {row['line']}" for row in one.engines if row["restart_pending"]]
        for line in dict.fromkeys(waiting):
            findings.append(_finding(rules.RESTART_PENDING, one.host, line))
            results.append(
                Result(rule=rules.RESTART_PENDING, subject=one.host, verdict=Verdict.PENDING, reason=line)
            )
        results += [
            Result(
                rule=rules.ENGINE_NOT_SEEN,
                subject=one.host,
                verdict=Verdict.NOT_APPLICABLE,
                reason=f"no control engine was looked at: {row['result'].get('msg')}",
            )
            for row in one.tasks
            if "engine" in row["result"] and row["result"]["engine"] is None
        ]
        verdict = Verdict.FAIL if one.problems else Verdict.PENDING if waiting else Verdict.PASS
        results.append(
            Result(rule=rules.ASKED, subject=one.host, verdict=verdict, reason="; ".join(one.problems))
        )
    return Run.of(subjects, findings, results, started=started)


def _engine_unseen(one: HostReceipt) -> list[tuple[Rule, str]]:
    """Return what could not be compared of a host's control engine, with the rule that says it."""
    rows = [
        (rules.ENGINE_NOT_SEEN, row["line"])
        for row in one.engines
        if row["not_seen"] and not row["restart_pending"]
    ]
    rows += [(rules.ENGINE_FIREWALL, text) for row in one.engines for text in row["unclear"]]
    return list(dict.fromkeys((rule, text) for rule, text in rows if text))


def _finding(rule: Any, host: str, message: str) -> Finding:
    return Finding(rule=rule, subject=host, location=in_file(host), message=message, evidence=message)
