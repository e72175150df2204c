"""A certificate in a key store is judged as one in a file, where the configuration has the password or nobody chose one."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, NoEncryption, pkcs12
from cryptography.x509.oid import NameOID

from hardening.tls import policy
from hardening.tls.auditing.audit import audit
from hardening.tls.auditing.mains import AuditInput
from hardening.tls.auditing.shared import Audited
from hardening.tls.targets import find
from hardening.tls.targets.reading import key_stores

NOW = datetime(2026, 12, 3, tzinfo=UTC)
OWN = "k" * 9
Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


def store(key: Key, password: str, *above: x509.Certificate) -> bytes:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a.example")])
    card = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(1).not_valid_before(NOW).not_valid_after(NOW + timedelta(days=90))
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    lock = BestAvailableEncryption(password.encode()) if password else NoEncryption()
    return pkcs12.serialize_key_and_certificates(b"server", key, card, above, lock)


def weak(password: str) -> bytes:
    return store(rsa.generate_private_key(65537, 1024), password)


TOMCAT = """<Server><Service><Connector port="8443" SSLEnabled="true" scheme="https" secure="true">
<SSLHostConfig protocols="TLSv1.2+TLSv1.3"><Certificate certificateKeystoreFile="conf/keys.p12" {} type="RSA"/></SSLHostConfig>
</Connector></Service></Server>
"""
JETTY = """<Configure id="sslContextFactory" class="org.eclipse.jetty.util.ssl.SslContextFactory$Server">
<Set name="KeyStorePath">{folder}/keys.p12</Set><Set name="KeyStorePassword">{word}</Set></Configure>
"""
START = "exec java -Djdk.tls.server.protocols=TLSv1.2 -Djavax.net.ssl.keyStore={folder}/keys.p12{word} -jar a.jar\n"


def tomcat(folder: Path, word: str) -> Path:
    path = folder / "conf/server.xml"
    path.parent.mkdir()
    path.write_text(TOMCAT.format(f'certificateKeystorePassword="{word}"' if word else ""))
    return path


def jetty(folder: Path, word: str) -> Path:
    path = folder / "jetty-ssl-context.xml"
    path.write_text(JETTY.format(folder=folder, word=word))
    return path


def start(folder: Path, word: str) -> Path:
    path = folder / "engine.sh"
    path.write_text(
        START.format(folder=folder, word=f" -Djavax.net.ssl.keyStorePassword={word}" if word else "")
    )
    return path


SERVERS: dict[str, Callable[[Path, str], Path]] = {"tomcat": tomcat, "jetty": jetty, "java_security": start}


def audited(name: str, folder: Path, content: bytes, word: str) -> Audited:
    path = SERVERS[name](folder, word)
    (path.parent / "keys.p12").write_bytes(content)
    if name == "tomcat":
        (folder / "conf/keys.p12").write_bytes(content)
    return audit([path], [policy.load("aspect")], AuditInput(target=find(name), now=NOW))


@pytest.mark.parametrize("name", SERVERS)
@pytest.mark.parametrize(
    ("password", "word"), [(OWN, OWN), ("changeit", ""), ("", ""), ("changeit", "other")]
)
def test_a_weak_key_in_a_store_is_found(name: str, password: str, word: str, tmp_path: Path) -> None:
    found = audited(name, tmp_path, weak(password), word)
    (key,) = [one for one in found.findings if one.rule.id == "tls/certificate-key"]
    assert "RSA key of 1024 bits" in key.message
    assert not any(one.rule.id == "tls/certificate-unread" for one in found.findings)
    for one in found.subjects:
        suites = {s for p in (one.offer or {})["protocols"].values() for s in p["suites"]}
        assert not any("ECDSA" in suite for suite in suites)


@pytest.mark.parametrize("name", SERVERS)
@pytest.mark.parametrize(
    ("word", "why"),
    [("", "changeit does not open"), (OWN, "the password that the configuration has does not open")],
)
def test_a_store_that_nothing_opens_is_named_and_no_password_is_shown(
    name: str, word: str, why: str, tmp_path: Path
) -> None:
    found = audited(name, tmp_path, weak("another one"), word)
    (lost,) = [one for one in found.findings if one.rule.id == "tls/certificate-unread"]
    assert why in lost.message
    assert OWN not in "".join(map(str, found.findings))


def test_an_obfuscated_password_is_read() -> None:
    assert key_stores.plain("OBF:1vny1zlo1x8e1vnw1vn61x8g1zlu1vn4") == "storepwd"
    assert key_stores.plain("OBF:x") == "OBF:x"
    assert key_stores.plain("storepwd") == "storepwd"


def test_a_store_that_asks_for_hours_of_work_is_refused() -> None:
    content = weak("changeit")
    rounds = content.rindex(b"\x02\x02")  # of the check value at its end
    slow = content[:rounds] + b"\x02\x04\x7f\xff\xff\xff" + content[rounds + 4 :]
    ders, why = key_stores.of_pkcs12(slow, ())
    assert ders == []
    assert "more than 1,000,000 rounds" in why
    assert key_stores.of_pkcs12(content, ())[0]


@pytest.mark.parametrize(("groups", "usable"), [("secp384r1", False), ("secp384r1,secp256r1", True)])
def test_java_passes_over_a_key_on_a_curve_that_is_none_of_its_groups(
    groups: str, usable: bool, tmp_path: Path
) -> None:
    path = tmp_path / "engine.sh"
    path.write_text(
        START.format(folder=tmp_path, word=f" -Djdk.tls.namedGroups={groups}").replace(
            "=TLSv1.2", "=TLSv1.2,TLSv1.3"
        )
    )
    (tmp_path / "keys.p12").write_bytes(store(ec.generate_private_key(ec.SECP256R1()), "changeit"))
    found = audit(
        [path], [policy.load("aspect")], AuditInput(target=find("java"), version="17.0.18", now=NOW)
    )
    protocols = (found.subjects[0].offer or {})["protocols"]
    assert "TLSv1.3" in protocols
    assert ("TLSv1.2" in protocols) is usable
