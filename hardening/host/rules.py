"""Rules about the state of a host."""

from __future__ import annotations

from hardening.findings import Rule, Severity

_CWE = "https://cwe.mitre.org/data/definitions/"

DRIFTED = Rule(
    id="host/drifted",
    title="A host is not as planned",
    severity=Severity.HIGH,
    rationale="The settings differ from the inventory: somebody changed them, or another setting overrides them.",
    remedy="Read in the message what differs. Then run `harden host apply` again: it changes only what differs.",
)
UNREACHABLE = Rule(
    id="host/unreachable",
    title="A host was not reached",
    severity=Severity.INFO,
    rationale="Its state is unknown. If a change was under way, the host rolls it back by itself.",
    remedy="Fix the connection, the account or its sudo, as the message names it. Then run `harden upgrade status`, and the command again.",
)
UNFINISHED = Rule(
    id="host/unfinished",
    title="A transaction on the host is neither finished nor undone",
    severity=Severity.HIGH,
    rationale="A change was interrupted, and the host could not undo it yet. It tries again by itself.",
    remedy="Remove what blocks it: a full disk, a read-only file system, a service that does not start. The host then finishes by itself; `harden upgrade status` shows it.",
)
RESTART_PENDING = Rule(
    id="engine/restart-pending",
    title="The control engine listens on another port than configured: restart pending",
    severity=Severity.LOW,
    rationale="The new port takes effect when somebody restarts the engine. Until then clients use the old port.",
    remedy="Restart the control engine when the site allows it, then run `harden upgrade verify`. The name of its service is not published; `/home/MIX_CMIX/runjava.*` starts it.",
)
ENGINE_NOT_SEEN = Rule(
    id="engine/not-seen",
    title="The control engine is not seen running",
    severity=Severity.INFO,
    rationale="Its configured port cannot be compared with the one it listens on; another program may have the port.",
    remedy="If the engine runs under another name, set `control_engine_process` to it. If it is stopped, start it. Then run `harden upgrade verify`.",
)
ENGINE_SHUT = Rule(
    id="engine/shut-off",
    title="The host's firewall blocks the control engine's port for all clients",
    severity=Severity.MEDIUM,
    rationale="No rule of the firewall lets another host reach the port of the engine.",
    remedy="Open the port for the clients that need it. If none does, set `control_engine_firewall: false`; the firewall is then not checked.",
)
ENGINE_OPEN = Rule(
    id="engine/open-to-all",
    title="Every host can reach the control engine's port",
    severity=Severity.HIGH,
    rationale="The port speaks HTTP without TLS. Up to release 3.08.04 a request with the Host header 127.0.0.1 needs no login (ZSL-2025-5938 to ZSL-2025-5944).",
    remedy="Let in only the hosts that need the port. Set `control_engine_sources` and move the engine (`harden engine set-port PORT --source NETWORK`), or edit the firewall: `firewall-cmd --permanent --add-rich-rule` with a source, or `iptables -s`. Then run `harden engine show`.",
    references=(
        "https://www.zeroscience.mk/en/vulnerabilities/ZSL-2025-5938.php",
        f"{_CWE}306.html",
        f"{_CWE}319.html",
    ),
)
ENGINE_FIREWALL = Rule(
    id="engine/firewall-not-understood",
    title="The host's firewall is not understood",
    severity=Severity.INFO,
    rationale="It is unknown which hosts reach the control engine's port. A change of the port is refused.",
    remedy="Check by hand who reaches the port (`nft list ruleset`, `iptables-save`), then set `control_engine_firewall: false`.",
)
ASKED = Rule(
    id="host/verified",
    title="The host is as planned",
    severity=Severity.INFO,
    rationale="Files, the server's own check and a scan of the endpoints agree.",
    remedy="Nothing to do.",
)

APPLIED = Rule(
    id="host/applied",
    title="The host has the settings of its inventory",
    severity=Severity.INFO,
    rationale="Every change was judged by the server's own check, probed and confirmed on a new connection.",
    remedy="Nothing to do.",
)
LED_BACK = Rule(
    id="host/rolled-back",
    title="The host is as it was before the run",
    severity=Severity.INFO,
    rationale="This host, or another host of the same run, failed. The changes of this run were undone.",
    remedy="Fix the host that failed, as its message says. Then run the command again.",
)
REFUSED = Rule(
    id="host/refused",
    title="The host refused the change, and nothing was changed",
    severity=Severity.INFO,
    rationale="A check before the first change failed, so nothing was changed.",
    remedy="Fix what the message names. Then run the command again.",
)
LEFT_STOPPED = Rule(
    id="host/left-stopped",
    title="Stopped service was not started",
    severity=Severity.INFO,
    rationale="The service was stopped before the run. Its new files passed its own check, but no running service was tested.",
    remedy="If the service must run, start it (`systemctl start NAME`, `service NAME start`). Then run `harden upgrade verify`.",
)
KEPT = Rule(
    id="host/not-rolled-back",
    title="Run failed; host was not rolled back",
    severity=Severity.MEDIUM,
    rationale="Some hosts have the new state and some the old. This host could not be rolled back, or --keep-done kept it.",
    remedy="Fix what the message names and run the command again, or roll the host back: `harden upgrade rollback -i INVENTORY --limit HOST`.",
)


def rules() -> tuple[Rule, ...]:
    """Return every rule this package can say."""
    return (
        DRIFTED, UNREACHABLE, UNFINISHED, RESTART_PENDING, ENGINE_NOT_SEEN, ENGINE_SHUT, ENGINE_OPEN, ENGINE_FIREWALL, ASKED, APPLIED, LED_BACK, REFUSED, LEFT_STOPPED, KEPT,
    )  # fmt: skip
