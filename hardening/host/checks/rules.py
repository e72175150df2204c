"""Rules about a host beyond those about its files."""

from __future__ import annotations

from hardening.findings import Rule, Severity

_CWE = "https://cwe.mitre.org/data/definitions/"

SUDO_WRITABLE = Rule(
    id="host/sudo-writable",
    title="The web server's account may change what it may run as root",
    severity=Severity.CRITICAL,
    rationale="An attacker who can make a web script write that file becomes root: sudo runs what is in it.",
    remedy="Make root the owner of the file and of every folder above it (`chown root:root`, mode 0755), or remove the rule from sudoers.",
    references=(f"{_CWE}732.html", f"{_CWE}250.html"),
)
SUDO_ALL = Rule(
    id="host/sudo-all",
    title="The web server's account may run any program as root",
    severity=Severity.CRITICAL,
    rationale="A flaw in any web script gives root on the host. ALL, a shell, an interpreter or an editor in the rule have the same effect.",
    remedy="List only the commands that must run unattended, with full paths and arguments (`visudo`). Require the password for all others.",
    references=(f"{_CWE}250.html",),
)
WORLD_READABLE = Rule(
    id="host/world-readable-secret",
    title="Every account of the host can read a secret",
    severity=Severity.HIGH,
    rationale="Every program and every person with an account on the host can read it, without root.",
    remedy="Close the file: `chmod 0640 FILE`, with the group of the service that reads it. Then change the secret, because it may have been read.",
    references=(f"{_CWE}732.html",),
)
VISITED = Rule(
    id="host/component-visited",
    title="A component that must not be there was visited",
    severity=Severity.HIGH,
    rationale="The access log shows requests that the component answered. Removing it does not undo what was done through it.",
    remedy="Read in the log who asked and when. Assume that the database and its passwords are known to others, and change the passwords.",
    references=(f"{_CWE}489.html",),
)
PORT_DIFFERS = Rule(
    id="host/engine-port",
    title="The control engine does not listen on its configured port",
    severity=Severity.LOW,
    rationale="A changed port takes effect when the engine is restarted. Until then clients use the old port.",
    remedy="Restart the control engine when the site allows it. See both ports: `harden engine show`.",
)
ENGINE_NOT_SEEN = Rule(
    id="host/engine-not-seen",
    title="The control engine is not seen running",
    severity=Severity.INFO,
    rationale="Its configured port cannot be compared with the one it listens on; another program may have the port.",
    remedy="If the engine runs under another name, set `control_engine_process` to it. If it is stopped on purpose, do nothing.",
)
UNREAD = Rule(
    id="host/not-examined",
    title="A part of the host was not examined",
    severity=Severity.INFO,
    rationale="A part that was not read may hold anything. What to do for each reason: `harden docs incomplete`.",
    remedy="Run the audit as root. For what is over the limit: `harden bundle audit FOLDER` on the host.",
)


LEFT_BY_RULE = Rule(
    id="host/left-by-rule",
    title="Files that hold nothing an audit looks for were left out",
    severity=Severity.INFO,
    rationale="Pictures, fonts, manuals and the runtimes' own files would take the time and room that other files need.",
    remedy="Look at one of them: `harden bundle audit FILE`. `harden docs host-audit` lists the rules.",
)


def rules() -> tuple[Rule, ...]:
    """Return every rule this package can say."""
    return (
        SUDO_WRITABLE, SUDO_ALL, WORLD_READABLE, VISITED, PORT_DIFFERS, ENGINE_NOT_SEEN, UNREAD,
        LEFT_BY_RULE,
    )  # fmt: skip
