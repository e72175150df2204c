"""The guide says what this configuration needs, and no more."""

from __future__ import annotations

import re
from datetime import date
from html import unescape
from xml.etree import ElementTree as ET

import pytest

from hardening.cli import run
from hardening.mailer.clouds import clouds
from hardening.mailer.guide import guide
from hardening.mailer.guide_text import FORMS, guide_document
from hardening.mailer.settings import MailerSettings, load
from hardening.mailer.vault import is_vault
from tests.support.mailer.fixtures import Site

TODAY = date(2026, 11, 24)


def settings(site: Site, **more: object) -> MailerSettings:
    site.write(**more)
    return load(site.config)


def test_least_privilege_is_the_default(site: Site) -> None:
    text = guide_document(guide(settings(site), TODAY), "text")
    assert "Application Mail.Send" in text
    assert "SMTP.SendAsApp" in text
    assert "full_access_as_app" not in text
    assert f"New-ServicePrincipal -AppId {site.app.client_id}" in text
    assert "Privileged Role Administrator" in text
    assert f"adminconsent?client_id={site.app.client_id}" in text


def test_the_two_exchange_commands_carry_the_real_ids(site: Site) -> None:
    text = guide_document(guide(settings(site, service_principal=site.app.oid), TODAY), "text")
    assert f"-ObjectId {site.app.oid}" in text
    assert (
        f"Add-MailboxPermission -Identity alarms@example.com -User {site.app.oid} -AccessRights FullAccess"
        in text
    )


def test_the_release_notes_path_stays_and_warns(site: Site) -> None:
    text = guide_document(guide(settings(site), TODAY, release_notes=True), "text")
    assert "ends for good on 2027-04-01 (in 128 days)" in text
    assert "EVERY mailbox" in text
    assert "Server Version: EXCHANGE_2016" in text
    assert "Application Mail.Send" not in text
    assert "does nothing until New-ServicePrincipal and Add-MailboxPermission are run" in text


@pytest.mark.parametrize("form", ["text", "markdown", "html", "script"])
def test_every_form_says_every_command(site: Site, form: str) -> None:
    made = guide(
        settings(site, transports=["graph", "smtp", "ews"], calendars={"mailboxes": ["rooms@example.com"]}),
        TODAY,
    )
    text = unescape(guide_document(made, form))
    for step in made.steps:
        assert step.title in text
        for command in (*step.az, *step.exchange):
            assert command in text
    assert site.secret not in text


LEAST = {
    "graph": ("Application Mail.Send", "CustomResourceScope"),
    "smtp": ("SMTP.SendAsApp", "Add-MailboxPermission -Identity alarms@example.com"),
    "ews": ("full_access_as_app", "EwsAllowedAppIDs", "opens EVERY mailbox", "2027-04-01"),
}


@pytest.mark.parametrize("cloud", sorted(clouds()))
@pytest.mark.parametrize("transport", sorted(LEAST))
def test_each_transport_in_each_cloud_says_what_it_needs_and_no_more(
    site: Site, transport: str, cloud: str
) -> None:
    made = guide(settings(site, transports=[transport], cloud=cloud), TODAY)
    for form in FORMS:
        text = unescape(guide_document(made, form))
        assert all(word in text for word in LEAST[transport])
        assert not any(words[0] in text for other, words in LEAST.items() if other != transport)
        assert "2026-12-31" in text
        if form == "script":
            assert f"az cloud set --name {clouds()[cloud].az}" in text
            assert f"-ExchangeEnvironmentName {clouds()[cloud].exchange}" in text
        else:
            assert clouds()[cloud].portal in text
    # consent is asked for where something is ticked in Entra, and nowhere else
    assert any("consent" in step.title for step in made.steps) == (transport != "graph")
    assert f"https://{clouds()[cloud].authority}/" in made.consent


def test_who_never_saw_entra_is_told_who_may_and_what_a_grey_button_means(site: Site) -> None:
    text = guide_document(guide(settings(site, transports=["smtp"]), TODAY), "text")
    for words in (
        "button disabled (grey)? Either nothing is ticked yet",
        "Cloud Application Administrator",
        "Exchange Administrator",
    ):
        assert words in text
    for line in ("Install-Module ExchangeOnlineManagement", "Connect-ExchangeOnline", "if (-not $principal)"):
        assert text.index(line) < text.index("New-ServicePrincipal")
    by_graph = guide_document(guide(settings(site, transports=["graph"], permission="entra"), TODAY), "text")
    assert "of Microsoft Graph nobody else" in by_graph
    assert "Cloud Application Administrator" not in by_graph
    known = guide_document(guide(settings(site, service_principal=site.app.oid), TODAY), "script")
    assert "Read-Host" not in known


def test_rbac_ticks_nothing_in_entra(site: Site) -> None:
    text = guide_document(guide(settings(site, permission="rbac"), TODAY), "text")
    assert "-Role 'Application SMTP.SendAsApp'" in text
    assert "Add-MailboxPermission" not in text
    assert "admin-consent" not in text
    assert text.count("New-ManagementScope") == 1


def test_calendars_by_graph_are_scoped_and_by_ews_end(site: Site) -> None:
    rooms = {"mailboxes": ["rooms@example.com"]}
    text = guide_document(guide(settings(site, calendars=rooms), TODAY), "text")
    assert "Application Calendars.Read" in text
    assert "full_access_as_app" not in text
    text = guide_document(guide(settings(site, calendars={**rooms, "via": "ews"}), TODAY), "text")
    assert "full_access_as_app" in text
    assert "It ends with EWS on 2027-04-01" in text


def test_a_certificate_is_uploaded_once(site: Site) -> None:
    from tests.unit.mailer.test_send import certificate

    certificate(site.folder)
    made = {"certificate_file": "mailer.crt", "key_file": "mailer.key"}
    text = guide_document(guide(settings(site, credential=made), TODAY), "text")
    assert "harden mailer rotate --certificate" in text
    assert "Client secrets" not in text


def test_scripts_balance_their_quotes(site: Site) -> None:
    for transport in LEAST:
        for line in guide_document(
            guide(settings(site, transports=[transport]), TODAY), "script"
        ).splitlines():
            code = line.partition("   # ")[0]
            assert code.startswith("#") or (code.count('"') % 2 == 0 and code.count("'") % 2 == 0), line


def test_html_is_well_formed_and_escapes(site: Site) -> None:
    text = guide_document(guide(settings(site, tenant="<script>alert(1)</script>"), TODAY), "html")
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
    text = guide_document(guide(settings(site, cloud="21vianet"), TODAY), "script")
    assert "AzureChinaCloud" in text
    assert "login.partner.microsoftonline.cn" in text
    assert "not read in Microsoft" in text


def test_no_vault_is_no_vault() -> None:
    assert not is_vault(b"tenant = 'x'")
