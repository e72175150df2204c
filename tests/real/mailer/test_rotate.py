"""A credential is changed without a failed mail, a revocation that nobody announced included."""

from __future__ import annotations

import datetime as dt
import stat
import threading
import time
from pathlib import Path

import pytest
from cryptography import x509

from hardening.cli import run
from hardening.errors import ExitCode
from hardening.mailer.message import message
from hardening.mailer.send import send
from hardening.mailer.settings import load
from tests.support.mailer.fake_web import key_id
from tests.support.mailer.fixtures import Site


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


def test_what_is_only_staged_is_not_retired(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    stage(site, "second~" + "x" * 30)
    later = dt.datetime.now(dt.UTC).date() + dt.timedelta(days=600)
    site.write(next_credential={"secret_file": "next.secret", "expires": later})
    before = site.config.read_bytes()
    assert run(["mailer", "rotate", "-c", str(site.config), "--retire"]) == ExitCode.USAGE
    assert "it looks staged, not old" in capsys.readouterr().err
    assert site.config.read_bytes() == before
    assert run(["mailer", "rotate", "-c", str(site.config)]) == ExitCode.OK
    assert run(["mailer", "rotate", "-c", str(site.config), "--retire"]) == ExitCode.OK
    assert len(load(site.config).credentials) == 1


def test_nothing_staged_is_a_usage_error(site: Site) -> None:
    assert run(["mailer", "rotate", "-c", str(site.config)]) == ExitCode.USAGE


@pytest.fixture
def signed(site: Site) -> Site:
    """A site whose certificate a person has registered."""
    assert run(["mailer", "rotate", "--make-certificate", str(site.folder / "first.crt")]) == ExitCode.OK
    assert stat.S_IMODE((site.folder / "first.key").stat().st_mode) == 0o600
    site.app.secrets.clear()
    site.app.certificates.append(x509.load_pem_x509_certificate((site.folder / "first.crt").read_bytes()))
    site.write(
        application=site.app.registration,
        credential={
            "certificate_file": "first.crt",
            "key_file": "first.key",
            "expires": (dt.datetime.now(dt.UTC) + dt.timedelta(365)).date(),
        },
    )
    return site


def rotate(site: Site, *more: str) -> int:
    return run(["mailer", "rotate", "-c", str(site.config), *more])


def sends(site: Site) -> bool:
    settings = load(site.config)
    letter = message(sender=settings.sender, recipients=settings.recipients, subject="x", text="x")
    return send(settings, letter)[0].ok


def test_a_certificate_is_rolled_and_the_old_one_retired(signed: Site) -> None:
    signed.fake.slow_keys = 2
    assert rotate(signed, "--certificate", "--wait", "30") == ExitCode.OK
    new, old = load(signed.config).credentials
    assert (new.key_id, old.key_id) == (key_id(signed.app.certificates[1]), "")
    assert new.key_file is not None
    assert stat.S_IMODE(new.key_file.stat().st_mode) == 0o600
    assert sends(signed)
    assert rotate(signed, "--retire") == ExitCode.OK  # a person registered it, so a person removes it
    assert len(load(signed.config).credentials) == 1
    assert rotate(signed, "--certificate", "--wait", "30") == ExitCode.OK
    assert rotate(signed, "--retire") == ExitCode.OK
    listed = [key_id(one) for one in signed.app.certificates]
    assert new.key_id not in listed
    assert sends(signed)


def test_the_other_audience_is_tried(signed: Site) -> None:
    signed.fake.proof_audience = "00000003-0000-0000-c000-000000000000"
    assert rotate(signed, "--certificate") == ExitCode.OK


def test_a_certificate_that_is_not_taken_changes_nothing(signed: Site) -> None:
    before = {path.name: path.read_bytes() for path in signed.folder.iterdir()}
    signed.fake.fault("addKey", (403, {"error": {"code": "Authorization_RequestDenied"}}), 0)
    assert rotate(signed, "--certificate") == ExitCode.PARTLY_EXAMINED
    assert {path.name: path.read_bytes() for path in signed.folder.iterdir()} == before


@pytest.mark.parametrize(
    "said", [b"{", b"[]", b'{"keyId": null}', b'{"keyId": "a\\"\\nx = 1"}', b"[" * 100_000]
)
def test_a_certificate_whose_key_id_is_not_told_is_staged_all_the_same(
    signed: Site, said: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is registered by then: an answer that was cut short ended the program, and nobody knew of it."""
    signed.fake.fault("addKey.accepted", (200, said, {"Content-Type": "application/json"}))
    assert rotate(signed, "--certificate", "--wait", "30") == ExitCode.OK
    assert "returned no key id" in capsys.readouterr().out
    new, _old = load(signed.config).credentials
    assert new.key_id == ""
    assert sends(signed)
    assert rotate(signed, "--certificate") == ExitCode.USAGE  # until it is retired


def test_one_that_does_not_spread_is_staged_and_tried_again(signed: Site) -> None:
    signed.fake.slow_keys = 10**6
    assert rotate(signed, "--certificate", "--wait", "0") == ExitCode.ROLLED_BACK
    assert sends(signed)
    signed.fake.unseen.clear()
    assert rotate(signed) == ExitCode.OK
    assert load(signed.config).credentials[0].key_id


@pytest.mark.parametrize("lacking", ["application", "certificate"])
def test_what_is_missing_is_named(
    site: Site, signed: Site, lacking: str, capsys: pytest.CaptureFixture[str]
) -> None:
    if lacking == "certificate":
        site.write(application=site.app.registration)
    else:
        signed.config.write_text(signed.config.read_text().replace("application", "# application"))
    assert rotate(site, "--certificate") == ExitCode.USAGE
    assert lacking in capsys.readouterr().err


def test_no_mail_fails_under_load(signed: Site) -> None:
    """Senders at work while certificates are rolled and the one in use is removed without notice."""
    fake = signed.fake
    fake.per_minute = fake.concurrent = 10**6
    over = threading.Event()
    failed: list[int] = []
    sent: list[int] = []

    def work() -> None:
        while not over.is_set():
            (sent if sends(signed) else failed).append(1)

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        assert rotate(signed, "--certificate") == ExitCode.OK
        del signed.app.certificates[0]  # the fall-back: nothing uses it
        assert rotate(signed, "--retire") == ExitCode.OK
        assert rotate(signed, "--certificate") == ExitCode.OK
        newest = load(signed.config).credentials[0]
        signed.app.certificates[:] = [
            one for one in signed.app.certificates if key_id(one) != newest.key_id
        ]  # unannounced
        enough, end = len(sent) + 4, time.monotonic() + 60
        while len(sent) < enough and time.monotonic() < end:
            time.sleep(0.05)
    finally:
        over.set()
        for thread in threads:
            thread.join()
    assert failed == []
    assert len(sent) >= 4


def test_what_exists_is_not_written_over(tmp_path: Path) -> None:
    (tmp_path / "x.key").write_text("mine")
    assert run(["mailer", "rotate", "--make-certificate", str(tmp_path / "x.crt")]) == ExitCode.USAGE
    assert (tmp_path / "x.key").read_text() == "mine"
    settings = tmp_path / "mailer.toml"
    settings.write_text("mine")
    for made in (
        settings,
        tmp_path / "both.key",
    ):  # what is there, and a name that key and certificate would share
        assert run(["mailer", "rotate", "--make-certificate", str(made)]) == ExitCode.USAGE
    assert settings.read_text() == "mine"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mailer.toml", "x.key"]


def test_a_first_certificate_overwrites_none_and_leaves_no_empty_key(
    site: Site, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    made = site.folder / "first.crt"
    words = ["mailer", "rotate", "-c", str(site.config), "--make-certificate", str(made)]
    monkeypatch.setenv("PATH", str(site.folder))
    assert run(words) == ExitCode.USAGE
    assert "is openssl installed?" in capsys.readouterr().err
    assert not made.with_suffix(".key").exists()
    monkeypatch.undo()
    assert run(words) == ExitCode.OK
    before = made.read_bytes(), made.with_suffix(".key").read_bytes()
    assert run(words) == ExitCode.USAGE
    said = capsys.readouterr().err
    assert "File exists" in said
    assert "is openssl installed?" not in said
    assert (made.read_bytes(), made.with_suffix(".key").read_bytes()) == before
