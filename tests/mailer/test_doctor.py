"""The doctor names what is wrong: a table of misconfigurations of settings, tenant, mailbox and network."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from hardening.cli import run
from hardening.errors import ExitCode
from tests.mailer.conftest import Site
from tests.mailer.fake_m365 import NAMES, Fake


def examine(site: Site, *more: str) -> tuple[int, dict[str, Any], float]:
    out = site.folder / "report.json"
    started = time.monotonic()
    code = run(["mailer", "doctor", "-c", str(site.config), "--format", "json", "-o", str(out), *more])
    return code, json.loads(out.read_text()), time.monotonic() - started


def said(report: dict[str, Any]) -> set[str]:
    return {
        f"{f['rule'].removeprefix('mailer/')}: {f['evidence'].partition(';')[0].removeprefix('cause=')}"
        for f in report["findings"]
    }


def day(ahead: int) -> Any:
    return (datetime.now(UTC) + timedelta(days=ahead)).date()


def credential(**more: Any) -> dict[str, Any]:
    return {"secret_file": "mailer.secret", "expires": day(300), **more}


def secret(value: str) -> Callable[[Site], None]:
    return lambda site: site.write_secret(value)


def app(**more: Any) -> Callable[[Site], None]:
    def change(site: Site) -> None:
        for name, value in more.items():
            setattr(site.app, name, value)

    return change


def double(**more: Any) -> Callable[[Site], None]:
    def change(site: Site) -> None:
        for name, value in more.items():
            setattr(site.fake, name, value)

    return change


def settings(**more: Any) -> Callable[[Site], None]:
    return lambda site: site.write(**more)


def _expired(site: Site) -> None:
    site.app.secrets[site.secret] = time.time() - 5


def _close_mailbox(site: Site) -> None:
    site.fake.mailboxes["alarms@example.com"].clear()


def _wrong_object(site: Site) -> None:
    site.fake.mailboxes["alarms@example.com"] = {"11111111-1111-4111-8111-111111111111"}


def _smtp_disabled(site: Site) -> None:
    site.fake.smtp_disabled.add("alarms@example.com")


def _open_file(site: Site) -> None:
    (site.folder / "mailer.secret").chmod(0o644)


def _stray_copy(site: Site) -> None:
    (site.folder / "mailer.secret.bak").write_text("old")
    (site.folder / "mailer.secret.bak").chmod(0o644)


def _untrusted(site: Site) -> None:
    site.fake.inspect = site.fake.other_tls(untrusted=True)


def _wrong_name(site: Site) -> None:
    site.fake.inspect = site.fake.other_tls("proxy.example.com")


def _smtp_name(site: Site) -> None:
    site.fake.smtp_tls = site.fake.other_tls("proxy.example.com")


def _smtp_untrusted(site: Site) -> None:
    site.fake.smtp_tls = site.fake.other_tls(untrusted=True)


def _expired_certificate(site: Site) -> None:
    site.fake.smtp_tls = site.fake.other_tls(
        *NAMES, not_before=datetime.now(UTC) - timedelta(9), not_after=datetime.now(UTC) - timedelta(2)
    )


def fault(place: str, what: Any) -> Callable[[Site], None]:
    return lambda site: site.fake.fault(place, what, 0)


def _blocks(*ports: int) -> Callable[[Site], None]:
    return lambda site: site.fake.proxy_blocks.update(ports)


def _roles(host: str, *roles: str) -> Callable[[Site], None]:
    return lambda site: site.app.roles.__setitem__(host, list(roles))


OUTLOOK, GRAPH = "outlook.office365.com", "graph.microsoft.com"
GUID = "12345678-9abc-4def-8123-456789abcdef"
CASES: tuple[tuple[str, Callable[[Site], None], str], ...] = (
    ("the Secret ID was pasted", secret(GUID), "values: credential.secret_file"),
    ("a blank after the secret", secret("abcdefgh~12345678 "), "values: credential.secret_file"),
    ("an empty secret", secret(""), "values: credential.secret_file"),
    ("the secret's file is absent", lambda site: (site.folder / "mailer.secret").unlink(), "values: credential.secret_file"),
    ("a client id that is no GUID", settings(client_id="1234"), "values: client_id"),
    ("a blank in the mailbox", settings(mailbox="alarms@example.com "), "values: mailbox"),
    ("From is somebody else", settings(**{"from": "noreply@example.com"}), "values: from"),
    ("a tenant that is neither", settings(tenant="Example Ltd"), "values: tenant"),
    ("tenant common", settings(tenant="common"), "values: tenant"),
    ("an expiry too far ahead", settings(credential=credential(expires=day(900))), "values: credential.expires"),
    ("an unknown server version", settings(server_version="EXCHANGE_2019"), "values: server_version"),
    ("a recipient with a name", settings(recipients=["Ops <ops@example.com>"]), "values: recipients"),
    ("the credential ended", settings(credential=credential(expires=day(-1))), "expiry: expired"),
    ("the credential ends in 20 days", settings(credential=credential(expires=day(20))), "expiry: expires-soon"),
    ("the secret is readable by all", _open_file, "files: readable-by-others"),
    ("a backup of it is", _stray_copy, "files: readable-by-others"),
    ("a wrong secret", secret("wrong~" + "y" * 30), "token: wrong-secret"),
    ("an expired secret", _expired, "token: expired-secret"),
    ("an application nobody knows", settings(client_id=GUID), "token: app-not-in-tenant"),
    ("a disabled application", app(enabled=False), "token: app-disabled"),
    ("a tenant nobody knows", settings(tenant="other.example"), "discovery: tenant-not-found"),
    ("the wrong cloud's tenant", settings(tenant=GUID), "discovery: tenant-not-found"),
    ("Conditional Access", double(conditional_access=True), "token: conditional-access"),
    ("no role and no consent for smtp", _roles(OUTLOOK), "claims: no-consent"),
    ("EWS' role instead of SMTP's", _roles(OUTLOOK, "full_access_as_app"), "claims: missing-role"),
    ("no role and no scope for graph", _roles(GRAPH), "graph: no-consent"),
    ("another role for graph", _roles(GRAPH, "User.Read.All"), "graph: missing-role"),
    ("a token for another audience", double(token_audience="https://management.azure.com"), "claims: wrong-audience"),
    ("more rights than needed", _roles(OUTLOOK, "SMTP.SendAsApp", "full_access_as_app"), "claims: too-broad"),
    ("the object id of the registration", settings(service_principal=GUID), "claims: wrong-object-id"),
    ("the mailbox is not opened", _close_mailbox, "auth: mailbox-not-opened"),
    ("it is opened to another object id", _wrong_object, "auth: mailbox-not-opened"),
    ("SMTP AUTH is off", _smtp_disabled, "auth: smtp-auth-disabled"),
    ("a mailbox that does not exist", settings(mailbox="alarm@example.com"), "graph: no-mailbox"),
    ("STARTTLS is stripped", double(starttls=False), "smtp: starttls-stripped"),
    ("no XOAUTH2", double(xoauth2=False), "auth: no-xoauth2"),
    ("SMTP's certificate has another name", _smtp_name, "smtp: tls-name"),
    ("SMTP's certificate is nobody's", _smtp_untrusted, "smtp: tls-untrusted"),
    ("SMTP's certificate is over", _expired_certificate, "smtp: tls-expired"),
    ("a recipient is refused", settings(recipients=["gone@example.invalid"]), "envelope: recipient-refused"),
    ("TLS is opened on the way", _untrusted, "network: tls-untrusted"),
    ("another host answers", _wrong_name, "network: tls-name"),
    ("the proxy wants a password", double(proxy_auth="me:pw"), "network: proxy-auth"),
    ("the proxy does not answer", settings(proxy={"url": "http://127.0.0.1:9"}), "network: proxy-unreachable"),
    ("the proxy blocks 587", _blocks(587), "network: proxy-refused"),
    ("nothing listens", settings(proxy=None, endpoints={"smtp": "127.0.0.1:9", "authority": "127.0.0.1:9", "graph": "127.0.0.1:9"}), "network: refused"),
    ("a name without address", settings(proxy=None, endpoints={"smtp": "no.invalid", "authority": "no.invalid", "graph": "no.invalid"}), "network: dns"),
    ("a wrong clock", double(skew=3600.0), "clock: clock-skew"),
    ("a slow clock", double(skew=-7200.0), "clock: clock-skew"),
    ("a captive portal", fault("discovery", (200, b"<html>sign in</html>")), "discovery: captive-portal"),
    ("the token service is away", fault("token", (503, b"")), "token: busy"),
    ("the token service fell silent", fault("token", "drop"), "token: closed"),
    ("Graph is busy", fault("graph", (429, {"error": {"code": "ApplicationThrottled"}})), "graph: busy"),
    ("SMTP is busy", fault("smtp.banner", "421 4.3.2 not now"), "smtp: smtp-busy"),
    ("too many connections", fault("smtp.mail", "432 4.3.2 Concurrent connections limit exceeded"), "envelope: concurrency"),
)  # fmt: skip


def test_a_good_site_passes(site: Site) -> None:
    code, report, seconds = examine(site)
    assert said(report) == set()
    assert code == ExitCode.OK
    assert {r["verdict"] for r in report["results"]} == {"pass"}
    assert site.fake.accepted == []
    assert seconds < 10


@pytest.mark.parametrize(("change", "wanted"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_the_cause_is_named(site: Site, change: Callable[[Site], None], wanted: str) -> None:
    change(site)
    code, report, seconds = examine(site)
    assert wanted in said(report)
    severe = {f["severity"] for f in report["findings"]} & {"medium", "high", "critical"}
    assert code == (ExitCode.FINDINGS if severe else ExitCode.OK)
    assert all(f["remedy"] for f in report["findings"])
    assert seconds < 10
    assert site.secret not in json.dumps(report)
    assert "{" not in "".join(f["remedy"] for f in report["findings"])


def test_one_mistake_is_said_once(site: Site) -> None:
    """What an earlier step explains is not said again by the later ones."""
    for change in (secret("wrong~" + "y" * 30), settings(tenant="other.example")):
        change(site)
        report = examine(site)[1]
        assert len({f["rule"] for f in report["findings"]}) == 1


def test_the_commands_carry_the_real_ids(site: Site) -> None:
    _close_mailbox(site)
    report = examine(site)[1]
    (finding,) = report["findings"]
    assert f"New-ServicePrincipal -AppId {site.app.client_id} -ObjectId {site.app.oid}" in finding["remedy"]
    assert f"Add-MailboxPermission -Identity alarms@example.com -User {site.app.oid}" in finding["remedy"]


def test_offline_asks_nobody(site: Site) -> None:
    code, report, _ = examine(site, "--offline")
    assert (code, site.fake.requests, site.fake.refused_names) == (ExitCode.OK, [], [])
    assert {r["rule"] for r in report["results"]} == {"mailer/files", "mailer/values", "mailer/expiry"}


def test_send_sends_once(site: Site) -> None:
    code, report, _ = examine(site, "--send")
    assert code == ExitCode.OK
    (mail,) = site.fake.accepted
    (result,) = [r for r in report["results"] if r["rule"] == "mailer/send"]
    assert mail.headers["Message-ID"] in result["reason"]


def test_scoped_graph_without_any_role_passes(site: Site) -> None:
    site.app.roles[GRAPH] = []
    site.fake.scoped["alarms@example.com"].add(site.app.oid)
    assert examine(site)[0] == ExitCode.OK


def test_ews_always_warns(fake: Fake, tmp_path: Path) -> None:
    site = Site(fake, tmp_path / "site", "ews")
    assert said(examine(site)[1]) == {"ews: ews-ends"}
    site.app.ews_allowed = False
    assert said(examine(site)[1]) == {"ews: ews-ends", "ews: ews-blocked"}


def test_calendars_are_read(site: Site) -> None:
    site.fake.mailboxes["rooms@example.com"] = set()
    site.write(calendars={"mailboxes": ["rooms@example.com"]})
    assert said(examine(site)[1]) == {"calendars: no-permission"}
    site.app.roles[GRAPH].append("Calendars.Read")
    assert examine(site)[0] == ExitCode.OK


def test_every_row_of_answers_is_reachable_and_filled() -> None:
    from hardening.mailer.answers import _rows

    for rows in _rows().values():
        assert all(row.diagnosis.meaning and row.diagnosis.remedy for row in rows)
