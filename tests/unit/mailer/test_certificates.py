"""A pair that is made for the mailer: whole or not there, and never registered without a word."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from hardening.errors import UsageError
from hardening.mailer import certificates
from hardening.mailer.rest import Keys

SETTINGS = """
tenant = "t"
client_id = "c"
mailbox = "a@example.com"
transports = ["graph"]
application = "object"
[credential]
certificate_file = "c.crt"
key_file = "c.key"
"""


@pytest.mark.parametrize(
    "problem",
    [FileNotFoundError(2, "No such file"), subprocess.TimeoutExpired("openssl", 120), KeyboardInterrupt()],
    ids=lambda problem: type(problem).__name__,
)
def test_no_key_is_left_where_openssl_does_not_come_to_an_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, problem: BaseException
) -> None:
    def run(*_: object, **how: object) -> None:
        assert how["timeout"]
        assert (tmp_path / "m.key").stat().st_mode & 0o777 == 0o600
        raise problem

    monkeypatch.setattr(subprocess, "run", run)
    wanted = KeyboardInterrupt if isinstance(problem, KeyboardInterrupt) else UsageError
    with pytest.raises(wanted):
        certificates.make(tmp_path / "m.crt", tmp_path / "m.key")
    assert list(tmp_path.iterdir()) == []


def test_a_registered_certificate_that_cannot_be_staged_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "mailer.toml"
    path.write_text(SETTINGS)

    def make(certificate: Path, key: Path, *, days: int) -> None:
        assert days
        certificate.write_text("")
        key.write_text("")

    def edit(*_: object) -> None:
        raise UsageError(f"cannot write {path}: No space left on device")

    monkeypatch.setattr(certificates, "make", make)
    monkeypatch.setattr(certificates, "register", lambda *_: "key-7")
    monkeypatch.setattr(certificates, "edit", edit)
    with pytest.raises(
        UsageError, match=r"No space left on device; .*\.crt is registered all the same, as key-7"
    ) as caught:
        list(certificates.stage(path, Keys()))
    assert 'key_id = "key-7"' in caught.value.hint
    assert len(list(tmp_path.glob("mailer-*"))) == 2
