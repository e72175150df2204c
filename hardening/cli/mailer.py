"""`harden mailer`: OAuth2 mail for Exchange / Microsoft 365, one verb per module."""

from __future__ import annotations

import click

from hardening.cli.lazy import LazyGroup, Verb

VERBS = (
    Verb("guide", "hardening.cli.mailer_guide", "Print the set-up for this configuration, step by step."),
    Verb("check", "hardening.cli.mailer_doctor", "Check files, values and expiry, without network.", "check"),
    Verb(
        "doctor", "hardening.cli.mailer_doctor", "Test every step of sending a mail, with cause and remedy."
    ),
    Verb("record", "hardening.cli.mailer_record", "Check the mail settings that the product itself keeps."),
    Verb("relay", "hardening.cli.mailer_relay", "Run the relay on this machine, or show its queue.", "relay"),
    Verb(
        "render", "hardening.cli.mailer_relay", "Write what a host needs: relay or native settings.", "render"
    ),
    Verb("rotate", "hardening.cli.mailer_rotate", "Test the staged credential and put it in use."),
    Verb("seal", "hardening.cli.mailer_seal", "Encrypt settings and secrets in place.", "seal"),
    Verb("send", "hardening.cli.mailer_send", "Send a mail now, with fail-over between transports."),
    Verb("unseal", "hardening.cli.mailer_seal", "Print what a sealed file holds.", "unseal"),
)


@click.group(cls=LazyGroup, verbs=VERBS)
def command() -> None:
    """Set up, prove and run OAuth2 mail for Exchange / Microsoft 365."""
    import resource

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a core file would hold secrets
