"""A run over real files with the real openssl of this machine: files that hold key and certificate, obstacles, bad wishes."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from hardening.errors import InputError, UsageError
from hardening.host import session
from hardening.host.certificate_run import CertificateRun
from hardening.host.plans import certificate
from tests.support.host.authority import NOW, Authority, named, pem
from tests.support.host.little import digest


class Old:
    """A server's configuration of which one certificate expired, whatever its key is called."""

    def __init__(self, root: Path) -> None:
        self.etc, self.state = root / "etc", root / "state"
        self.etc.mkdir()
        key = ec.generate_private_key(ec.SECP256R1())
        names = x509.SubjectAlternativeName([x509.DNSName("www.example.org")])
        card = (
            x509.CertificateBuilder().subject_name(named("old")).issuer_name(named("old")).serial_number(7)
            .public_key(key.public_key()).not_valid_before(NOW - timedelta(days=9)).not_valid_after(NOW - timedelta(days=1))
            .add_extension(names, critical=False).sign(key, hashes.SHA256())
        )  # fmt: skip
        self.card = pem(card)
        self.key = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )

    def run(self, mode: str = "self-signed", *, check: bool = False, **more: Any) -> dict[str, Any]:
        server = {
            "target": "lighttpd", "configs": [str(self.etc / "*.conf")], "check": ["/bin/true"], "reload": ["/bin/true"],
        }  # fmt: skip
        raw = {"mode": mode, "server": server, **more}
        here = session.here(state=str(self.state))
        answer = CertificateRun.of(raw, session=here, host="here", check=check).answer()
        assert "PRIVATE KEY" not in json.dumps([answer, here.answers])
        return answer


@pytest.fixture
def old(tmp_path: Path) -> Old:
    return Old(tmp_path)


def test_a_file_with_key_and_certificate_is_replaced_whole(old: Old) -> None:
    both = old.etc / "both.pem"
    both.write_bytes(old.key + old.card)
    (old.etc / "a.conf").write_text(f'ssl.pemfile = "{both}"\n')
    before = digest(old.etc)
    assert old.run(check=True)["changed"]
    assert digest(old.etc) == before
    done = old.run()
    assert (done["state"], done["changed"]) == ("committed", True)
    key = serialization.load_pem_private_key(both.read_bytes(), None)
    (card,) = x509.load_pem_x509_certificates(both.read_bytes())
    assert card.public_key() == key.public_key()
    assert both.stat().st_mode & 0o777 == 0o600
    assert old.key not in both.read_bytes()
    assert not old.run()["changed"]


def test_without_openssl_a_host_reports_and_replaces_nothing(
    old: Old, monkeypatch: pytest.MonkeyPatch
) -> None:
    (old.etc / "both.pem").write_bytes(old.key + old.card)
    (old.etc / "a.conf").write_text(f'ssl.pemfile = "{old.etc}/both.pem"\n')
    monkeypatch.setattr(
        certificate, "wishes", lambda facts, real=certificate.wishes: without_openssl(real(facts))
    )
    (note,) = old.run("report")["notes"]
    assert "expired" in note
    assert "the host has no openssl" in note
    with pytest.raises(UsageError, match="no openssl"):
        old.run("self-signed")


def without_openssl(asked: dict[str, Any]) -> dict[str, Any]:
    """Ask for the same of a host on which the program is called something else."""
    return {
        **asked,
        "run": [["no-such-openssl", *argv[1:]] if argv[0] == "openssl" else argv for argv in asked["run"]],
    }


def test_what_something_else_looks_after_and_what_has_no_key_is_left_and_said(old: Old) -> None:
    (old.etc / "real.pem").write_bytes(old.card)
    (old.etc / "link.pem").symlink_to(old.etc / "real.pem")
    (old.etc / "a.conf").write_text(
        f'ssl.pemfile = "{old.etc}/link.pem"\nssl.pemfile = "{old.etc}/real.pem"\n'
    )
    before = digest(old.etc)
    done = old.run()
    assert (done["changed"], digest(old.etc)) == (False, before)
    assert not old.state.exists()
    link, real = done["notes"]
    assert "link.pem" in link
    assert "a symbolic link" in link
    assert "no private key that the configuration names" in real


def test_a_chain_is_checked_against_the_authorities_that_are_named(old: Old, tmp_path: Path) -> None:
    """It is reported and not replaced for that: a self-signed one would lead to none of them, either."""
    (old.etc / "both.pem").write_bytes(old.key + old.card)
    (old.etc / "a.conf").write_text(f'ssl.pemfile = "{old.etc}/both.pem"\n')
    own, other = tmp_path / "own.pem", tmp_path / "other.pem"
    own.write_bytes(old.card)
    other.write_bytes(pem(Authority().card))
    for store, words in ((own, "certificate has expired"), (other, "self-signed certificate")):
        answer = old.run("report", trust=str(store))
        first, second = answer["notes"]
        assert "has no chain to a trusted authority: " in first
        assert words in first.replace("self signed", "self-signed")
        assert "expired on" in second
        assert words in answer["certificates"][0]["untrusted"].replace("self signed", "self-signed")
    assert len(old.run("report")["notes"]) == 1
    with pytest.raises(InputError, match="no such file"):
        old.run("report", trust=str(tmp_path / "none.pem"))


def test_two_certificates_with_one_key_are_left(old: Old) -> None:
    for name in ("a", "b"):
        (old.etc / f"{name}.pem").write_bytes(old.card)
    (old.etc / "key.pem").write_bytes(old.key)
    lines = (
        f'ssl.pemfile = "{old.etc}/{name}.pem"\nssl.privkey = "{old.etc}/key.pem"\n' for name in ("a", "b")
    )
    (old.etc / "a.conf").write_text("".join(lines))
    done = old.run()
    assert not done["changed"]
    assert [note.rpartition("/")[2] for note in done["notes"]] == [
        "b.pem has the same key",
        "a.pem has the same key",
    ]


def test_bad_wishes_are_one_line(old: Old) -> None:
    for more, words in (
        ({"mode": "acme"}, "tls_certificate: unknown value 'acme'"),
        ({"key": "dsa"}, "tls_certificate_key: unknown value 'dsa'"),
        ({"names": ["a b"]}, "'a b' is neither a host name nor an address"),
        ({"mode": "csr"}, "tls_csr_dir is empty"),
    ):
        with pytest.raises(UsageError, match=words):
            old.run(**more)
