"""A credential is changed without a failed mail, a revocation that nobody announced included."""

from __future__ import annotations

import time

from hardening.cli import run
from hardening.errors import ExitCode
from hardening.mailer.message import message
from hardening.mailer.send import send
from hardening.mailer.settings import load
from tests.mailer.conftest import Site


def stage(site: Site, value: str) -> None:
    site.app.secrets[value] = time.time() + 9e6
    site.write_secret(value, "next.secret")
    site.write(next_credential={"secret_file": "next.secret"})


def test_no_mail_fails_while_credentials_change(site: Site) -> None:
    sent = 0

    def mail() -> None:
        nonlocal sent
        settings = load(site.config)
        letter = message(sender=settings.sender, recipients=settings.recipients, subject="x", text="x")
        assert send(settings, letter)[0].ok
        sent += 1

    site.fake.per_minute = 1000
    stage(site, "second~" + "x" * 30)
    mail()
    del site.app.secrets[site.secret]  # revoked without notice
    for _ in range(3):
        mail()
    assert run(["mailer", "rotate", "-c", str(site.config)]) == ExitCode.OK
    assert load(site.config).credentials[0].value().reveal().startswith("second~")
    for _ in range(3):
        mail()
    assert len(site.fake.accepted) == sent == 7


def test_a_staged_credential_that_is_refused_changes_nothing(site: Site) -> None:
    stage(site, "second~" + "x" * 30)
    site.app.secrets.pop("second~" + "x" * 30)
    before = site.config.read_bytes()
    assert run(["mailer", "rotate", "-c", str(site.config)]) == ExitCode.ROLLED_BACK
    assert site.config.read_bytes() == before


def test_nothing_staged_is_a_usage_error(site: Site) -> None:
    assert run(["mailer", "rotate", "-c", str(site.config)]) == ExitCode.USAGE
