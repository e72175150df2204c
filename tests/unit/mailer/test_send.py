"""A mail arrives by each transport, and by the next one where one fails."""

from __future__ import annotations

import datetime as dt
import subprocess
import sys
from email import message_from_bytes
from email.policy import default
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from hardening.cli import run
from hardening.errors import ExitCode
from tests.support.mailer.fake_m365 import Fake
from tests.support.mailer.fixtures import Site


def send(site: Site, *more: str) -> int:
    return run(
        [
            "mailer",
            "send",
            "-c",
            str(site.config),
            "--subject",
            "Fan 3 failed",
            "--text",
            "Replace it.\n.\n..x",
            "-v",
            *more,
        ]
    )


@pytest.mark.parametrize("transport", ["graph", "smtp", "ews"])
def test_a_mail_arrives(fake: Fake, tmp_path: Path, transport: str) -> None:
    site = Site(fake, tmp_path / "site", transport)
    assert send(site, "--alarm-id", "A-17", "--priority") == ExitCode.OK
    (mail,) = fake.accepted
    assert (mail.transport, mail.mailbox, mail.recipients) == (
        transport,
        "alarms@example.com",
        ("ops@example.com",),
    )
    assert mail.headers["X-Alarm-Id"] == "A-17"
    assert mail.headers["Importance"] == "high"
    assert mail.headers.get_payload().replace("\r\n", "\n") == "Replace it.\n.\n..x\n"
    assert fake.refused_names == []


def test_a_server_of_short_lines_gets_the_token_on_its_own(site: Site) -> None:
    site.fake.short_lines = True
    assert send(site, "--transport", "smtp") == ExitCode.OK


def test_no_alarm_is_lost_for_the_encoding_of_who_raises_it(site: Site) -> None:
    """A controller's script may write Latin-1, on standard input and on the command line."""
    program = "import sys; from hardening.cli import run; sys.exit(run(sys.argv[1:]))"
    words = [
        b"mailer",
        b"send",
        b"-c",
        bytes(site.config),
        b"--subject",
        b"L\xfcfter",
        b"--alarm-id",
        b"K\xfchler",
    ]
    for more, given in ((b"--text=Gr\xf6\xdfe", b""), (b"-q", b"Gr\xf6\xdfe\r\n")):
        done = subprocess.run([sys.executable, "-c", program, *words, more], input=given, capture_output=True, check=False)  # fmt: skip
        assert done.returncode == ExitCode.OK, done.stderr
        mail = message_from_bytes(site.fake.accepted[-1].data, policy=default)
        assert (mail["Subject"], mail["X-Alarm-Id"]) == ("Lüfter", "Kühler")
        assert mail.get_content().splitlines() == ["Größe"]


def test_what_the_token_service_says_is_not_logged(site: Site) -> None:
    """MSAL would log an answer it cannot read, with whatever token stands in it."""
    site.fake.fault("token", (200, b'{"access_token": "eyJsecret.token"}<script>', {}), 0)
    program = "import sys; from hardening.cli import run; sys.exit(run(sys.argv[1:]))"
    words = ["mailer", "send", "-c", str(site.config), "--subject", "s", "--text", "t", "-v"]
    done = subprocess.run(
        [sys.executable, "-c", program, *words], capture_output=True, text=True, check=False
    )
    assert done.returncode == ExitCode.ROLLED_BACK
    assert "eyJsecret" not in done.stdout + done.stderr
    assert "Traceback" not in done.stderr


def test_an_address_of_the_command_line_is_not_blamed_on_the_settings(
    site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    assert send(site, "--to", "müller@example.com") == ExitCode.USAGE
    assert "--to: 'müller@example.com' is not a mail address" in capsys.readouterr().err


def test_a_mail_too_large_for_graph_is_called_so(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    site.fake.fault("graph", (413, b""))
    assert send(site, "--transport", "graph") == ExitCode.ROLLED_BACK
    assert "too large" in capsys.readouterr().err


def test_graph_takes_json_too(site: Site) -> None:
    assert send(site, "--json") == ExitCode.OK
    assert b'"subject": "Fan 3 failed"' in site.fake.accepted[0].data


@pytest.mark.parametrize(
    ("place", "what"),
    [
        ("graph", (503, {}, {"Retry-After": "5"})), ("graph", (403, {"error": {"code": "X"}})), ("graph", "drop"),
        ("graph", "reset"), ("graph", (302, b"<html>portal</html>")), ("graph", (500, b"<html>")),
    ],
)  # fmt: skip
def test_the_next_transport_steps_in(site: Site, place: str, what: object) -> None:
    site.fake.fault(place, what)
    assert send(site) == ExitCode.OK
    assert [m.transport for m in site.fake.accepted] == ["smtp"]


@pytest.mark.parametrize(
    "answer",
    [
        {"access_token": 7}, {"access_token": ["a"]}, {"access_token": "a\r\nX-Other: b"}, {"access_token": "a\n b"}, {"access_token": ""},
        {"access_token": "ab", "expires_in": "soon"}, {"access_token": "ab", "expires_in": [1]}, [], "x", 7, None,
        {"error": 7, "error_codes": 7}, {"error": "x", "error_codes": ["\u00b2"], "error_description": 7}, b"[" * 100_000,
        {"error": {"a": 1}, "error_description": "AADSTS" + "9" * 5000},
    ],
)  # fmt: skip
def test_a_token_service_that_answers_nonsense_is_named(
    site: Site, answer: object, capsys: pytest.CaptureFixture[str]
) -> None:
    for status in (200, 400):
        site.fake.fault("token", (status, answer))
    assert send(site, "--transport", "graph") == ExitCode.ROLLED_BACK
    said = capsys.readouterr().err
    assert "internal error" not in said
    assert site.fake.accepted == []


def test_no_answer_is_read_without_end(
    site: Site, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("hardening.mailer.web._LARGEST", 1 << 20)
    site.fake.fault("token", (200, b" " * (3 << 20)))
    assert send(site, "--transport", "graph") == ExitCode.ROLLED_BACK
    assert "answered with more than 1 MiB" in capsys.readouterr().err


def test_what_may_have_arrived_is_marked(site: Site) -> None:
    site.fake.fault("graph.accepted", "drop")
    assert send(site) == ExitCode.OK
    first, second = site.fake.accepted
    assert first.headers["Message-ID"] == second.headers["Message-ID"]
    assert second.headers["X-Possible-Duplicate"] == "after graph"


def test_nothing_accepted_is_exit_6_and_names_the_cause(
    site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    site.fake.fault("graph", (403, {"error": {"code": "ErrorAccessDenied"}}))
    site.fake.fault("smtp.dot", "554 5.2.0 SubmissionQuotaExceededException")
    assert send(site) == ExitCode.ROLLED_BACK
    said = capsys.readouterr().err
    assert "graph: graph: the application may not send as this mailbox" in said
    assert "10,000 recipients" in said
    assert site.fake.accepted == []


def test_a_mail_that_may_have_arrived_is_pending(site: Site) -> None:
    site.fake.fault("smtp.accepted", "drop")
    assert send(site, "--transport", "smtp") == ExitCode.PENDING


def test_a_refused_recipient_does_not_stop_the_others(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    code = send(site, "--transport", "smtp", "--to", "gone@x.invalid", "--to", "ops@example.com")
    assert code == ExitCode.PARTLY_EXAMINED
    assert site.fake.accepted[0].recipients == ("ops@example.com",)
    assert "gone@x.invalid was refused" in capsys.readouterr().err


PEOPLE = ("c@example.com", "a@example.com", "b@example.com")
LATER, GONE = "451 4.3.0 not now", "550 5.1.10 RESOLVER.ADR.RecipientNotFound"


@pytest.mark.parametrize(
    ("transports", "answer", "code", "arrived"),
    [
        ("smtp", LATER, ExitCode.PARTLY_EXAMINED, {"smtp": "ab"}),
        ("smtp", GONE, ExitCode.PARTLY_EXAMINED, {"smtp": "ab"}),
        ("smtp", "drop", ExitCode.PARTLY_EXAMINED, {"smtp": "ab"}),
        ("smtp", "421 4.3.2 bye", ExitCode.PARTLY_EXAMINED, {"smtp": "ab"}),
        ("graph", GONE, ExitCode.PARTLY_EXAMINED, {"graph": "ab"}),
        ("ews", GONE, ExitCode.PARTLY_EXAMINED, {"ews": "ab"}),
        ("smtp graph", LATER, ExitCode.OK, {"smtp": "ab", "graph": "c"}),
        ("smtp graph", GONE, ExitCode.PARTLY_EXAMINED, {"smtp": "ab"}),
        ("graph smtp", GONE, ExitCode.PARTLY_EXAMINED, {"graph": "ab"}),
    ],
)
def test_one_who_is_refused_holds_nobody_back(
    fake: Fake, tmp_path: Path, transports: str, answer: str, code: int, arrived: dict[str, str],
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    site = Site(fake, tmp_path / "site", *transports.split(), recipients=list(PEOPLE))
    fake.refuses = {PEOPLE[0]: answer}
    assert send(site) == code
    found: dict[str, str] = {}
    for mail in fake.accepted:
        found[mail.transport] = found.get(mail.transport, "") + "".join(one[0] for one in mail.recipients)
    assert found == arrived
    assert len({str(mail.headers["Message-ID"]) for mail in fake.accepted}) == 1
    said = capsys.readouterr()
    assert ("c@example.com was refused" in said.err) == (code != ExitCode.OK)
    assert f"accepted by {transports.split(maxsplit=1)[0]} for a@example.com, b@example.com: <" in said.out


def test_all_refused_is_not_sent(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    site.write(transports=["smtp"], recipients=list(PEOPLE))
    site.fake.refuses = dict.fromkeys(PEOPLE, GONE)
    assert send(site) == ExitCode.ROLLED_BACK
    assert "a recipient is refused" in capsys.readouterr().err
    site.write(transports=["graph"], recipients=list(PEOPLE))
    assert send(site) == ExitCode.ROLLED_BACK
    assert site.fake.accepted == []


def test_a_staged_credential_steps_in(site: Site) -> None:
    site.write_secret("gone~" + "x" * 30)
    site.write_secret(site.secret, "next.secret")
    site.write(next_credential={"secret_file": "next.secret"})
    assert send(site) == ExitCode.OK


def certificate(folder: Path) -> tuple[Path, Path, x509.Certificate]:
    """A key and a certificate that it signed itself, for ninety days."""
    key, name = (
        rsa.generate_private_key(65537, 2048),
        x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "mailer")]),
    )
    now = dt.datetime.now(dt.UTC)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(x509.random_serial_number()).not_valid_before(now)
    made = builder.not_valid_after(now + dt.timedelta(days=90)).sign(key, hashes.SHA256())
    files = folder / "mailer.crt", folder / "mailer.key"
    files[0].write_bytes(made.public_bytes(Encoding.PEM))
    files[1].touch(0o600)
    files[1].write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return *files, made


def test_a_certificate_signs_in(site: Site) -> None:
    made, key, parsed = certificate(site.folder)
    site.app.certificates.append(parsed)
    day = dt.datetime.now(dt.UTC).date() + dt.timedelta(days=90)
    site.write(credential={"certificate_file": made.name, "key_file": key.name, "expires": day})
    assert send(site) == ExitCode.OK


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"client_id": "abc"}, "client_id: is not a GUID"),
        ({"tenant": "my tenant"}, "tenant"),
        ({"from": "other@example.com"}, "from: differs from the mailbox"),
        ({"mailbox": "alarms@example.com "}, "mailbox: has a blank"),
        ({"tenannt": "x"}, "did you mean 'tenant'?"),
        (
            {"transports": ["pigeon"]},
            "transports: this value (not shown: it may be a secret) is not one of graph, smtp, ews",
        ),
        ({"cloud": "mars"}, "this value (not shown: it may be a secret) is not one of public"),
        ({"credential": {"secret": 7}}, "credential.secret: has to be a string"),
        ({"proxy": {"url": "https://u:p@x"}}, "proxy.url"),
    ],
)
def test_broken_settings_are_exit_2_and_one_line(
    site: Site, change: dict[str, object], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    site.write(**change)
    assert send(site) == ExitCode.USAGE
    assert said in capsys.readouterr().err


def test_settings_rest_encrypted(site: Site, tmp_path: Path) -> None:
    vault = pytest.importorskip("ansible.parsing.vault", reason="ansible-core is not installed")
    made = vault.VaultLib([("default", vault.VaultSecret(b"opensesame"))]).encrypt(site.config.read_bytes())
    site.config.write_bytes(made)
    word = tmp_path / "word"
    word.write_text("opensesame\n")
    assert send(site) == ExitCode.USAGE
    assert send(site, "--vault-password-file", str(word)) == ExitCode.OK
    word.write_text("wrong\n")
    assert send(site, "--vault-password-file", str(word)) == ExitCode.REFUSED


def test_the_environment_is_not_asked(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.setenv(name, "/etc/hostname")
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert send(site) == ExitCode.OK
