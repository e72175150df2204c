"""The guide says what this configuration needs, and no more."""

from __future__ import annotations

import re
from datetime import date
from xml.etree import ElementTree as ET

import pytest

from hardening.cli import run
from hardening.mailer.guide import guide
from hardening.mailer.guide_text import written
from hardening.mailer.settings import Settings, load
from hardening.mailer.vault import is_vault
from tests.mailer.conftest import Site

TODAY = date(2026, 11, 24)


def settings(site: Site, **more: object) -> Settings:
    site.write(**more)
    return load(site.config)


def test_least_privilege_is_the_default(site: Site) -> None:
    text = written(guide(settings(site), TODAY), "text")
    assert "Application Mail.Send" in text
    assert "SMTP.SendAsApp" in text
    assert "full_access_as_app" not in text
    assert f"New-ServicePrincipal -AppId {site.app.client_id}" in text
    assert "Privileged Role Administrator" in text
    assert f"adminconsent?client_id={site.app.client_id}" in text


def test_the_two_exchange_commands_carry_the_real_ids(site: Site) -> None:
    text = written(guide(settings(site, service_principal=site.app.oid), TODAY), "text")
    assert f"-ObjectId {site.app.oid}" in text
    assert (
        f"Add-MailboxPermission -Identity alarms@example.com -User {site.app.oid} -AccessRights FullAccess"
        in text
    )


def test_the_release_notes_path_stays_and_warns(site: Site) -> None:
    text = written(guide(settings(site), TODAY, release_notes=True), "text")
    assert "ends for good on 2027-04-01 (in 128 days)" in text
    assert "EVERY mailbox" in text
    assert "Server Version: EXCHANGE_2016" in text
    assert "Application Mail.Send" not in text


@pytest.mark.parametrize("form", ["text", "markdown", "html", "script"])
def test_every_form_says_every_command(site: Site, form: str) -> None:
    from html import unescape

    made = guide(
        settings(site, transports=["graph", "smtp", "ews"], calendars={"mailboxes": ["rooms@example.com"]}),
        TODAY,
    )
    text = unescape(written(made, form))
    for step in made.steps:
        assert step.title in text
        for command in (*step.az, *step.exchange):
            assert command in text
    assert site.secret not in text


def test_html_is_well_formed_and_escapes(site: Site) -> None:
    text = written(guide(settings(site, tenant="<script>alert(1)</script>"), TODAY), "html")
    assert "<script" not in text
    body = re.sub(r"<meta[^>]*>", "", text.partition("<html")[2])
    ET.fromstring("<html" + body)


def test_a_script_is_refused_for_values_that_a_shell_would_run(
    site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    site.write(mailbox="a'$(reboot)@example.com")
    assert run(["mailer", "guide", "-c", str(site.config), "--script"]) == 2
    assert "mailbox" in capsys.readouterr().err


def test_clouds_have_their_own_hosts(site: Site) -> None:
    text = written(guide(settings(site, cloud="21vianet"), TODAY), "script")
    assert "AzureChinaCloud" in text
    assert "login.partner.microsoftonline.cn" in text
    assert "not read in Microsoft" in text


def test_no_vault_is_no_vault() -> None:
    assert not is_vault(b"tenant = 'x'")
