"""What a host can be found with, beyond what lies in its files."""

from __future__ import annotations

from hardening.findings import Rule, Severity

_CWE = "https://cwe.mitre.org/data/definitions/"

SUDO_WRITABLE = Rule(
    id="host/sudo-writable",
    title="The web server's account may change what it may run as root",
    severity=Severity.CRITICAL,
    rationale="Whoever gets a web script to write one file is root: sudo runs whatever lies there by then.",
    remedy="Give the script and every folder above it to root, mode 0755, or take the rule out of sudoers.",
    references=(f"{_CWE}732.html", f"{_CWE}250.html"),
)
SUDO_ALL = Rule(
    id="host/sudo-all",
    title="The web server's account may run any program as root",
    severity=Severity.CRITICAL,
    rationale="A flaw in any web script is a flaw in the whole host; ALL, a shell, an interpreter or an editor are the same.",
    remedy="List the commands that have to run unattended with full paths and arguments; require the password for all else.",
    references=(f"{_CWE}250.html",),
)
WORLD_READABLE = Rule(
    id="host/world-readable-secret",
    title="Every account of the host can read a secret",
    severity=Severity.HIGH,
    rationale="Any service that is broken into, and any person with a shell, has the secret without being root.",
    remedy="chmod o-r the file (0640 with the group of the service that reads it), then change the secret: it may have been read.",
    references=(f"{_CWE}732.html",),
)
VISITED = Rule(
    id="host/component-visited",
    title="A component that must not be there was visited",
    severity=Severity.HIGH,
    rationale="The access log has answered requests for it: removal alone does not undo what was done through it.",
    remedy="Look at who asked and when; treat the database and its credentials as known to others, and change them.",
    references=(f"{_CWE}489.html",),
)
PORT_DIFFERS = Rule(
    id="host/engine-port",
    title="The control engine does not listen on its configured port",
    severity=Severity.LOW,
    rationale="A changed port takes effect with a manual restart; until then firewall and clients may disagree with the engine.",
    remedy="Restart the control engine when the site allows it; `harden engine show` says what is configured and what runs.",
)
ENGINE_NOT_SEEN = Rule(
    id="host/engine-not-seen",
    title="The control engine is not seen running",
    severity=Severity.INFO,
    rationale="Its configured port cannot be compared with the one it listens on; another program may have the port.",
    remedy="If the engine runs under another name, set `control_engine_process` to it. If it is stopped on purpose, nothing is to be done.",
)
UNREAD = Rule(
    id="host/not-examined",
    title="A part of the host could not be looked at",
    severity=Severity.INFO,
    rationale="What was not read cannot be called clean.",
    remedy="Run the audit as root.",
)


LEFT_BY_RULE = Rule(
    id="host/left-by-rule",
    title="Files that hold nothing an audit looks for were left out",
    severity=Severity.INFO,
    rationale="Pictures, fonts, manuals and the runtimes' own files would take the time and room that other files need.",
    remedy="Look at one of them: `harden bundle audit FILE`. The rules are listed in docs/host-audit.md.",
)


def rules() -> tuple[Rule, ...]:
    """Return every rule this package can say."""
    return (
        SUDO_WRITABLE, SUDO_ALL, WORLD_READABLE, VISITED, PORT_DIFFERS, ENGINE_NOT_SEEN, UNREAD,
        LEFT_BY_RULE,
    )  # fmt: skip
