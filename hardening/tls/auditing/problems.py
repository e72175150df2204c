"""What can keep a configuration from being read in full: one rule for each kind of problem a tree records."""

from __future__ import annotations

from hardening.findings import Rule, Severity


def _walk_rule(
    word: str, title: str, rationale: str, remedy: str, severity: Severity = Severity.INFO
) -> Rule:
    return Rule(id=f"walk/config-{word}", title=title, severity=severity, rationale=rationale, remedy=remedy)


_UNSEEN = "What could not be read may change what the server offers."
PROBLEMS = {
    "unreadable": _walk_rule("unreadable", "A configuration file could not be read", _UNSEEN, "Run as a user who may read it."),
    "binary": _walk_rule("binary", "A configuration file is not text", _UNSEEN, "Take it out of the configuration's includes."),
    "archive": _walk_rule("archive", "An archive is not opened here", _UNSEEN, "Unpack it and audit the folder: `harden tls audit FOLDER`."),
    "too-large": _walk_rule("too-large", "A configuration file is too large to read", _UNSEEN, "Split it."),
    "include-loop": _walk_rule("include-loop", "Configuration files include each other in a circle", "The server refuses to start with it.", "Remove one of the includes."),
    "missing-include": _walk_rule("missing-include", "An included file is not there", _UNSEEN, "Audit the whole tree, or remove the include."),
    "unclosed": _walk_rule("unclosed", "A section or block is never closed", "The server refuses to start with it, and what follows may belong elsewhere.", "Close it."),
    "syntax": _walk_rule("syntax", "A line is not understood", "The server may read it differently, or refuse it.", "Correct the line; the server's own check names it too."),
    "unknown-kind": _walk_rule("unknown-kind", "Not the configuration of a server we know", _UNSEEN, "Name the server with --target; `harden tls targets` lists them."),
    "empty": _walk_rule("empty", "Nothing in it is about TLS", "No TLS setting and no TLS server was found, so nothing was judged.", "Nothing to do, if TLS is not intended. Otherwise audit the server's main file or its whole folder: `harden tls audit FOLDER`."),
    "conditional": _walk_rule("conditional", "TLS settings depend on a condition that the files do not settle", "Where the condition holds differently, the server offers something else.", "Take the TLS settings out of the condition, or settle it in the files."),
    "misplaced": Rule(
        id="tls/misplaced-directive",
        title="A TLS directive is in a place where the server does not accept it",
        severity=Severity.LOW,
        rationale="The server refuses to start with it, or passes over it; either way it does not hold.",
        remedy="Move it into the server's own block; the server's check says where it is allowed.",
    ),
    "unknown-directive": Rule(
        id="tls/unknown-directive",
        title="The server does not know a TLS directive",
        severity=Severity.LOW,
        rationale="A server refuses to start with a directive it does not know, or ignores it; either way it does not hold.",
        remedy="Correct its name, or name the release that runs with --target NAME@VERSION.",
    ),
}  # fmt: skip
CLEARTEXT = {"cleartext-smtp": "smtp", "cleartext-imap": "imap", "cleartext-ftp": "ftp"}
"""Kinds that say that the server speaks this protocol without TLS; `judging.cleartext` makes the finding."""
NOT_PARTIAL = frozenset({"unknown-directive", "misplaced"})
"""Kinds after which everything was read all the same."""


def rules() -> tuple[Rule, ...]:
    """Return every rule the reading of configuration files can say."""
    return tuple(PROBLEMS.values())
