"""The doctor names what is wrong: a table of misconfigurations of settings, tenant, mailbox and network."""

from __future__ import annotations

import json
import re
import ssl
import subprocess
import time
import warnings
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key

from hardening.cli import run
from hardening.errors import ExitCode
from tests.support.mailer.fake_m365 import Fake
from tests.support.mailer.fake_web import NAMES
from tests.support.mailer.fixtures import Site
from tests.unit.mailer.test_send import certificate


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


def _token(error: str, code: int) -> Callable[[Site], None]:
    body = {"error": error, "error_codes": [code], "error_description": f"AADSTS{code}: x"}
    return fault("token", (401 if error == "invalid_client" else 400, body))


def _keyed(*how: str) -> Callable[[Site], None]:
    def change(site: Site) -> None:
        made, key = site.folder / "mailer.crt", site.folder / "mailer.key"
        argv = [one.format(key=key, crt=made) for one in how]
        subprocess.run(["openssl", *argv], check=True, capture_output=True)
        key.chmod(0o600)
        site.write(
            credential={"certificate_file": "mailer.crt", "key_file": "mailer.key", "expires": day(300)}
        )

    return change


def _blocks(*ports: int) -> Callable[[Site], None]:
    return lambda site: site.fake.proxy_blocks.update(ports)


def _roles(host: str, *roles: str) -> Callable[[Site], None]:
    return lambda site: site.app.roles.__setitem__(host, list(roles))


def _certificate(
    *, key: str = "mailer", text: str = "", days: int = 90, mode: int = 0o600
) -> Callable[[Site], None]:
    def change(site: Site) -> None:
        made, _, _ = certificate(site.folder)
        if days < 0:
            _ended(site.folder)
        other = site.folder / "other"
        other.mkdir()
        certificate(other)
        if text:
            made.write_text(text)
        keys = {"mailer": "mailer.key", "other": "other/mailer.key"}
        (site.folder / keys[key]).chmod(mode)
        site.write(
            credential={"certificate_file": "mailer.crt", "key_file": keys[key], "expires": day(max(days, 1))}
        )

    return change


def _ended(folder: Path) -> None:
    """Write a certificate whose time is over beside its key."""
    key = load_pem_private_key((folder / "mailer.key").read_bytes(), None)
    assert isinstance(key, rsa.RSAPrivateKey)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "mailer")])
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    now = datetime.now(UTC)
    made = (
        builder.not_valid_before(now - timedelta(9))
        .not_valid_after(now - timedelta(2))
        .sign(key, hashes.SHA256())
    )
    (folder / "mailer.crt").write_bytes(made.public_bytes(Encoding.PEM))


def _inline(site: Site) -> None:
    site.write(credential={"secret": site.secret, "expires": day(300)})
    site.config.chmod(0o644)


def _staged(site: Site) -> None:
    site.write_secret("wrong~" + "z" * 30, "next.secret")
    site.write(next_credential={"secret_file": "next.secret"})


def _tls_one(site: Site) -> ssl.SSLContext:
    made = site.fake.other_tls()
    made.set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings(action="ignore"):
        made.minimum_version = made.maximum_version = ssl.TLSVersion.TLSv1
    return made


def _old(site: Site) -> None:
    site.fake.inspect = _tls_one(site)


def _old_smtp(site: Site) -> None:
    site.fake.smtp_tls = _tls_one(site)


def _calendar(mailbox: str, *roles: str) -> Callable[[Site], None]:
    def change(site: Site) -> None:
        site.fake.mailboxes["rooms@example.com"] = set()
        site.app.roles[GRAPH] += roles
        site.write(calendars={"mailboxes": [mailbox]})

    return change


def _queue(ago: int = 0, **more: Any) -> Callable[[Site], None]:
    def change(site: Site) -> None:
        (site.folder / "status").write_text(
            json.dumps({"at": time.time() - ago, "queued": 0, "oldest_seconds": 0, "dead": 0, **more})
        )
        site.write(relay={"status_file": str(site.folder / "status")})

    return change


def _by_smtp(reply: str) -> Callable[[Site], None]:
    def change(site: Site) -> None:
        site.write(transports=["smtp"])
        site.fake.fault("smtp.dot", reply, 0)

    return change


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
    ("a portal whose page has no end", fault("discovery", (200, b"[" * 100_000)), "discovery: captive-portal"),
    ("a tenant refused by numbers that are none", fault("discovery", (400, b'{"error":"invalid_tenant","error_codes":["\xc2\xb2",90002]}')), "discovery: tenant-not-found"),
    ("a captive portal that says so", fault("discovery", (511, b"sign in")), "discovery: captive-portal"),
    ("a portal that leads elsewhere", fault("discovery", (302, {}, {"Location": "https://portal.invalid/"})), "discovery: captive-portal"),
    ("a portal in the token's place", fault("token", (511, b"sign in")), "token: captive-portal"),
    ("a filter in Graph's place", fault("graph", (200, b"<html>blocked</html>", {"Content-Type": "text/html; charset=x"})), "graph: captive-portal"),
    ("a filter that leads elsewhere", fault("graph", (307, {}, {"Location": "https://portal.invalid/"})), "graph: captive-portal"),
    ("a policy under another name", fault("token", (400, {"error": "access_denied", "error_codes": [53009]})), "token: conditional-access"),
    ("a token of another tenant", double(token_tenant=GUID), "claims: wrong-tenant"),
    ("what answers is no SMTP", fault("smtp.banner", "HTTP/1.1 400 Bad Request"), "smtp: not-smtp"),
    ("the token service is away", fault("token", (503, b"")), "token: busy"),
    ("the token service fell silent", fault("token", "drop"), "token: closed"),
    ("Graph is busy", fault("graph", (429, {"error": {"code": "ApplicationThrottled"}})), "graph: busy"),
    ("SMTP is busy", fault("smtp.banner", "421 4.3.2 not now"), "smtp: smtp-busy"),
    ("too many connections", fault("smtp.mail", "432 4.3.2 Concurrent connections limit exceeded"), "envelope: concurrency"),
    ("a certificate nobody registered", _certificate(), "token: certificate-unknown"),
    ("a certificate and another's key", _certificate(key="other"), "values: certificate-key-mismatch"),
    ("a certificate that is none", _certificate(text="no PEM"), "values: certificate-unreadable"),
    ("a certificate that is over", _certificate(days=-1), "expiry: expired"),
    ("a key readable by all", _certificate(mode=0o644), "files: readable-by-others"),
    ("a secret in a document that all read", _inline, "files: readable-by-others"),
    ("the client id is the tenant's", lambda site: site.write(client_id=GUID, tenant=GUID), "values: client_id"),
    ("the client id as object id", lambda site: site.write(service_principal=site.app.client_id), "values: service_principal"),
    ("the object id as registration", lambda site: site.write(service_principal=GUID, application=GUID), "values: application"),
    ("a line end inside the secret", secret("abcdefgh~\n12345678"), "values: credential.secret_file"),
    ("more than the service allows", settings(limits={"per_minute": 90}), "values: limits.per_minute"),
    ("nobody to tell", settings(recipients=[]), "values: recipients"),
    ("a staged secret that is wrong", _staged, "token: wrong-secret"),
    ("a resource that is not granted", fault("token", (400, {"error": "invalid_resource", "error_codes": [500011], "error_description": "AADSTS500011: x"})), "token: resource-not-granted"),
    ("a scope that is refused", fault("token", (400, {"error": "invalid_scope", "error_codes": [70011], "error_description": "AADSTS70011: x"})), "token: bad-scope"),
    ("a refusal without a number", fault("token", (400, {"error": "unauthorized_client"})), "token: app-not-in-tenant"),
    ("an assertion out of its time", fault("token", (401, {"error": "invalid_client", "error_codes": [700024], "error_description": "AADSTS700024: x"})), "token: assertion-time"),
    ("throttled", fault("token", (429, {}, {"Retry-After": "30"})), "token: busy"),
    ("the proxy blocks 443", _blocks(443), "network: proxy-refused"),
    ("something old is in between", _old, "network: tls-version"),
    ("SMTP's server is old", _old_smtp, "smtp: tls-version"),
    ("an access policy at the mailbox", fault("smtp.auth", "535 5.7.139 Authentication unsuccessful, by a policy"), "auth: smtp-auth-disabled"),
    ("the sender is refused", fault("smtp.mail", "550 5.1.0 bad sender"), "envelope: sender-refused"),
    ("the sender is blocked", fault("smtp.mail", "550 5.1.8 bad outbound sender"), "envelope: sender-blocked"),
    ("a recipient must wait", fault("smtp.rcpt", "451 4.7.500 Server busy"), "envelope: smtp-busy"),
    ("Graph does not know the mailbox", fault("graph", (404, {"error": {"code": "ErrorInvalidUser"}})), "graph: no-mailbox"),
    ("Graph finds nothing in the token", fault("graph", (401, {"error": {"code": "NoPermissionsInAccessToken"}})), "graph: no-permission"),
    ("a calendar that is closed", _calendar("rooms@example.com"), "calendars: no-permission"),
    ("a calendar that is none", _calendar("romms@example.com", "Calendars.Read"), "calendars: no-mailbox"),
    ("the relay fails", _queue(failing="token: 401", queued=7, oldest_seconds=900), "queue: failing"),
    ("the relay gave up a mail", _queue(dead=1), "queue: dead-letters"),
    ("one recipient is refused", _queue(held=[{"to": "c@example.com", "mails": 2, "since": 0, "why": "smtp rcpt: 451 4.3.0 x"}]),
     "queue: recipient-refused"),
    ("a certificate outside its time", _token("invalid_client", 1000502), "token: expired-certificate"),
    ("a certificate that is revoked", _token("invalid_client", 7000214), "token: certificate-revoked"),
    ("no enterprise application", _token("invalid_client", 7000229), "token: app-not-in-tenant"),
    ("Exchange is disabled for sign-in", _token("invalid_resource", 500014), "token: resource-disabled"),
    ("a proxy restricts tenants", _token("access_denied", 500021), "token: tenant-restricted"),
    ("a public client", _token("invalid_client", 700025), "token: public-client"),
    ("another application's assertion", _token("invalid_client", 700021), "token: assertion-wrong"),
    ("an application that is not assigned", _token("invalid_grant", 501051), "token: not-assigned"),
    ("a key on a curve", _keyed("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", "/CN=m",
                                "-days", "300", "-keyout", "{key}", "-out", "{crt}"), "values: certificate-not-rsa"),
    ("a key with a passphrase", _keyed("req", "-x509", "-newkey", "rsa:2048", "-passout", "pass:word", "-subj", "/CN=m", "-days", "300",
                                       "-keyout", "{key}", "-out", "{crt}"), "values: certificate-unreadable"),
    ("the port of TLS at once", settings(endpoints={"smtp": "smtp.office365.com:465"}), "values: endpoints.smtp"),
    ("a server that takes no OAuth2", fault("smtp.auth", "504 5.7.4 Unrecognized authentication type"), "auth: no-xoauth2"),
    ("a policy on where a token comes from", fault("graph", (401, {"error": {"code": "InvalidAuthenticationToken"}})), "graph: token-refused"),
    ("a status of an hour ago", _queue(ago=3600), "queue: relay-away"),
    ("a relay that refuses mail", _queue(refused=[{"reason": "sender", "about": "root@host", "why": "this From may not send here", "count": 3}]), "queue: mail-refused"),
    ("a status that is none", lambda site: (_queue()(site), (site.folder / "status").write_text("[1]"))[0], "queue: no-status"),
    ("an authority's file that is absent", settings(ca_file="absent.pem"), "values: ca_file"),
    ("no mail in a minute", settings(limits={"per_minute": 0}), "values: limits.per_minute"),
    ("the relay does not run", settings(relay={"status_file": "/nonexistent/status"}), "queue: no-status"),
)  # fmt: skip
SENDING: tuple[tuple[str, Callable[[Site], None], str], ...] = (
    ("the mailbox does not open for the mail", _by_smtp("430 4.2.0 STOREDRV; mailbox logon failure; MapiExceptionLogonFailed"), "send: mailbox-permission"),
    ("sent as somebody else", _by_smtp("554 5.2.252 SendAsDenied; not allowed to send as"), "send: send-as"),
    ("sent as somebody else, said otherwise", _by_smtp("550 5.7.60 SMTP; Client does not have permissions to send as this sender"), "send: send-as"),
    ("the day's recipients are used up", _by_smtp("554 5.2.0 STOREDRV.Submission.Exception:SubmissionQuotaExceededException"), "send: quota"),
    ("the mailbox is disabled", _by_smtp("554 5.2.1 STOREDRV; mailbox disabled"), "send: mailbox-disabled"),
    ("the mailbox is full", _by_smtp("554 5.2.2 mailbox full"), "send: mailbox-full"),
    ("too many at once", _by_smtp("432 4.3.2 STOREDRV.ClientSubmit; sender thread limit exceeded"), "send: concurrency"),
)  # fmt: skip
"""What only a mail shows."""


def test_a_step_that_works_and_has_something_to_say_is_a_warning(
    site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    site.write(credential=credential(expires=day(80)))
    assert run(["mailer", "doctor", "-c", str(site.config)]) == ExitCode.OK
    text = capsys.readouterr().out
    assert re.search(r"(?m)^  warn +mailer/expiry  credential ends on .* in 80 days", text), text
    assert re.search(r"(?m)^  pass +mailer/token  ", text)
    assert "1 warn" in text
    assert "az ad app credential reset" in text
    assert run(["mailer", "doctor", "-c", str(site.config), "--fail-on", "low"]) == ExitCode.FINDINGS


def test_who_opens_tls_is_named_for_smtp_too(site: Site) -> None:
    _smtp_untrusted(site)
    (finding,) = examine(site)[1]["findings"]
    assert re.search(r"it was issued by .*O=trustme", finding["message"]), finding["message"]


def test_an_empty_status_file_means_the_one_in_the_spool(site: Site) -> None:
    """As docs/mailer.md shows it: nothing named is nothing wrong, and a spool that is here is asked."""
    spool = site.folder / "spool"
    site.write(relay={"status_file": "", "spool": str(spool)})
    code, report, _ = examine(site)
    assert (code, said(report)) == (ExitCode.OK, set())
    spool.mkdir()
    (spool / "status.json").write_text(
        json.dumps({"at": time.time(), "queued": 3, "oldest_seconds": 9, "dead": 1})
    )
    for relay in ({"status_file": "", "spool": str(spool)}, {"spool": str(spool)}):
        site.write(relay=relay)
        assert said(examine(site)[1]) == {"queue: dead-letters"}


def test_a_good_site_passes(site: Site) -> None:
    code, report, _ = examine(site)
    assert said(report) == set()
    assert code == ExitCode.OK
    assert {r["verdict"] for r in report["results"]} == {"pass"}
    assert site.fake.accepted == []


@pytest.mark.parametrize(("change", "wanted"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_the_cause_is_named(site: Site, change: Callable[[Site], None], wanted: str) -> None:
    change(site)
    code, report, _ = examine(site)
    assert wanted in said(report)
    severe = {f["severity"] for f in report["findings"]} & {"medium", "high", "critical"}
    assert code == (ExitCode.FINDINGS if severe else ExitCode.OK)
    assert all(f["remedy"] for f in report["findings"])
    assert site.secret not in json.dumps(report)
    assert "{" not in "".join(f["remedy"] for f in report["findings"])


@pytest.mark.parametrize(
    ("change", "wanted"), [case[1:] for case in SENDING], ids=[case[0] for case in SENDING]
)
@pytest.mark.parametrize("reworded", [False, True])
def test_what_only_a_mail_shows_is_named(
    site: Site, change: Callable[[Site], None], wanted: str, reworded: bool
) -> None:
    change(site)
    site.fake.reworded = reworded
    assert wanted in said(examine(site, "--send")[1])
    assert site.fake.accepted == []


OTHER_WORDS = [
    case for case in CASES
    if case[2].partition(":")[0] in ("token", "auth", "envelope", "graph", "discovery", "calendars")
]  # fmt: skip


@pytest.mark.parametrize(
    ("change", "wanted"), [case[1:] for case in OTHER_WORDS], ids=[case[0] for case in OTHER_WORDS]
)
def test_other_words_change_no_verdict(site: Site, change: Callable[[Site], None], wanted: str) -> None:
    change(site)
    site.fake.reworded = True
    assert wanted in said(examine(site)[1])


def test_settings_saved_by_an_editor_of_windows(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    text = site.config.read_text()
    site.config.write_bytes(text.encode("utf-8-sig"))
    assert run(["mailer", "check", "-c", str(site.config)]) == ExitCode.OK
    site.config.write_bytes(text.encode("utf-16"))
    assert run(["mailer", "check", "-c", str(site.config)]) == ExitCode.USAGE
    assert "is written in UTF-16" in capsys.readouterr().err


def test_one_mistake_is_said_once(site: Site) -> None:
    """What an earlier step explains is not said again by the later ones."""
    unreadable = _keyed(
        "req", "-x509", "-newkey", "rsa:2048", "-passout", "pass:word", "-subj", "/CN=m", "-days", "300", "-keyout", "{key}", "-out", "{crt}",
    )  # fmt: skip
    for change in (secret("wrong~" + "y" * 30), settings(tenant="other.example"), unreadable):
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


def test_send_sends_once_by_each_transport(site: Site) -> None:
    code, report, _ = examine(site, "--send")
    assert code == ExitCode.OK
    results = [r for r in report["results"] if r["rule"] == "mailer/send"]
    assert [r["verdict"] for r in results] == ["pass", "pass"]
    for name, mail, result in zip(("graph", "smtp"), site.fake.accepted, results, strict=True):
        assert mail.transport == name
        assert mail.headers["Subject"] == f"Test of the alarm mailer by {name}"
        assert result["reason"].startswith(f"{name}: accepted, {mail.headers['Message-ID']}")


@pytest.mark.parametrize(
    "answer",
    ["430 4.2.0 STOREDRV; mailbox logon failure", "554 5.2.2 mailbox full", "554 5.2.0 SubmissionQuotaExceededException",
     "432 4.3.2 sender thread limit exceeded", "451 4.7.0 later", "554 5.2.252 SendAsDenied"],
)  # fmt: skip
@pytest.mark.parametrize("order", [("graph", "smtp"), ("smtp", "graph")])
def test_a_fall_back_that_fails_is_a_failed_check(site: Site, answer: str, order: tuple[str, ...]) -> None:
    site.write(transports=list(order))
    site.fake.fault("smtp.dot", answer, 0)
    code, report, _ = examine(site, "--send")
    assert code == ExitCode.FINDINGS
    verdicts = {
        r["reason"].partition(":")[0]: r["verdict"] for r in report["results"] if r["rule"] == "mailer/send"
    }
    assert verdicts == {"graph": "pass", "smtp": "fail"}
    assert {f["severity"] for f in report["findings"]} == {"high"}
    assert [mail.transport for mail in site.fake.accepted] == ["graph"]


def test_a_dry_run_says_what_it_does_not_test(site: Site) -> None:
    reasons = {r["rule"]: r["reason"] for r in examine(site, "--dry-run")[1]["results"]}
    for rule in ("mailer/envelope", "mailer/graph"):
        assert "not tested: what happens after DATA" in reasons[rule]
    assert site.fake.accepted == []
    assert "not tested" not in str([r["reason"] for r in examine(site, "--send")[1]["results"]])


def test_a_test_mail_to_nobody_is_no_pass(site: Site) -> None:
    site.write(recipients=[])
    code, report, _ = examine(site, "--send")
    assert code == ExitCode.FINDINGS
    assert "send: no-recipients" in said(report)


@pytest.mark.parametrize("calendars", [{}, {"calendars": {"mailboxes": ["rooms@example.com"]}}])
def test_the_doctor_keeps_what_the_release_notes_guide_set_up(
    fake: Fake, tmp_path: Path, calendars: dict[str, Any]
) -> None:
    """Follow `guide --release-notes` to its last step: nothing there may undo the steps before."""
    from hardening.mailer.guide import guide
    from hardening.mailer.settings import load

    site = Site(fake, tmp_path / "site", "ews")
    site.app.roles[OUTLOOK].append("SMTP.SendAsApp")
    site.fake.mailboxes["rooms@example.com"] = set()
    site.write(transports=["graph", "smtp"], **calendars)
    made = guide(load(site.config), day(0), release_notes=True)
    assert any("transports = ['ews']" in line for line in made.steps[-1].clicks)
    site.write(transports=["ews"], **calendars)
    for how in ("--dry-run", "--send"):
        report = examine(site, how)[1]
        assert {cause.partition(": ")[2] for cause in said(report)} == {"ews-ends"}
        text = json.dumps(report["findings"])
        assert "remove" not in text
        assert "leave the settings as they are" in text or "before you change" in text


def test_a_broad_permission_is_not_removed_without_a_question(site: Site) -> None:
    site.app.roles[OUTLOOK].append("full_access_as_app")
    (finding,) = examine(site)[1]["findings"]
    before, _, after = finding["remedy"].partition("Only if no other program uses this application: ")
    assert "does the product's own mailer or its Calendars use this application?" in before
    assert after == "remove it under API permissions"


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


def test_calendars_over_ews_are_read_and_end(site: Site) -> None:
    rooms = {"mailboxes": ["rooms@example.com"], "via": "ews"}
    site.fake.mailboxes["rooms@example.com"] = set()
    site.app.roles[OUTLOOK].append("full_access_as_app")
    site.write(calendars=rooms)
    assert said(examine(site)[1]) == {"calendars: ews-ends"}
    assert said(examine(site, "--offline")[1]) == {"expiry: ews-ends"}
    site.app.roles[OUTLOOK].remove("full_access_as_app")
    assert "calendars: token-refused" in said(examine(site)[1])
    site.write(calendars={**rooms, "mailboxes": ["rooms@example.com"], "via": "smtp"})
    assert run(["mailer", "check", "-c", str(site.config)]) == ExitCode.USAGE


@pytest.mark.parametrize(
    ("left", "severity"),
    [
        (200, None), (91, None), (89, "low"), (59, "low"), (29, "medium"), (13, "high"), (6, "high"), (0, "critical"),
        (-3, "critical"),
    ],
)  # fmt: skip
def test_the_end_of_a_credential_grows_louder(site: Site, left: int, severity: str | None) -> None:
    site.write(credential=credential(expires=day(left)))
    found = examine(site, "--offline")[1]["findings"]
    assert [f["severity"] for f in found] == ([severity] if severity else [])


def test_smtp_scoped_by_rbac_passes(site: Site) -> None:
    site.app.roles[OUTLOOK] = []
    site.fake.mailboxes["alarms@example.com"].clear()
    site.fake.scoped_smtp["alarms@example.com"].add(site.app.oid)
    site.write(permission="rbac")
    assert examine(site)[0] == ExitCode.OK


def test_every_row_of_answers_is_reachable_and_filled() -> None:
    from hardening.mailer.error_catalogue import _rows

    for rows in _rows().values():
        assert all(row.diagnosis.meaning and row.diagnosis.remedy for row in rows)
