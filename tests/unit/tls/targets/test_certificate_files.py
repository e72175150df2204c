"""The certificate files that configurations name: judged where they are read, named where they are not."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    pkcs12,
)
from cryptography.x509.oid import NameOID

from hardening.cli import run
from hardening.errors import ExitCode
from hardening.findings import Examined, Run, Verdict
from hardening.tls import policy
from hardening.tls.auditing.audit import audit
from hardening.tls.auditing.mains import AuditInput
from hardening.tls.targets import find
from tests.support.odd_certificates import resigned

NOW = datetime(2026, 6, 1, tzinfo=UTC)
Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


def card(
    subject: str = "bms.example",
    key: Key | None = None,
    *,
    issuer: str = "",
    signer: Key | None = None,
    ca: bool = False,
    days: int = 90,
    names: tuple[str, ...] = ("bms.example",),
    more: Sequence[x509.ExtensionType] = (),
) -> tuple[bytes, Key]:
    """Return a certificate in PEM form and its key; it signs itself where no signer is given."""
    key = key or ec.generate_private_key(ec.SECP256R1())
    made = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer or subject)]))
        .public_key(key.public_key())
        .serial_number(7)
        .not_valid_before(NOW - timedelta(days=30))
        .not_valid_after(NOW + timedelta(days=days))
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(n) for n in names]), critical=False)
    )
    for one in more:
        made = made.add_extension(one, critical=False)
    return made.sign(signer or key, hashes.SHA256()).public_bytes(Encoding.PEM), key


def small() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 1024)


CERTIFICATE = "/etc/pki/server.pem"
CONFIGURATIONS = {
    "nginx": ("etc/nginx/nginx.conf", "events {{}}\nhttp {{ server {{ listen 443 ssl; ssl_certificate {0}; }} }}\n"),
    "httpd": ("etc/httpd/conf/httpd.conf", "Listen 443\n<VirtualHost *:443>\nSSLEngine on\nSSLCertificateFile {0}\n</VirtualHost>\n"),
    "lighttpd": ("etc/lighttpd/lighttpd.conf", 'server.port = 443\nssl.engine = "enable"\nssl.pemfile = "{0}"\n'),
    "haproxy": ("etc/haproxy/haproxy.cfg", "frontend f\n  bind :443 ssl crt {0}\n"),
    "postfix": ("etc/postfix/main.cf", "smtpd_tls_security_level = may\nsmtpd_tls_cert_file = {0}\n"),
    "dovecot": ("etc/dovecot/dovecot.conf", "ssl = required\nssl_cert = <{0}\n"),
    "stunnel": ("etc/stunnel/stunnel.conf", "[web]\naccept = 443\nconnect = 80\ncert = {0}\n"),
    "vsftpd": ("etc/vsftpd/vsftpd.conf", "ssl_enable=YES\nrsa_cert_file={0}\n"),
    "proftpd": ("etc/proftpd.conf", "<IfModule mod_tls.c>\nTLSEngine on\nTLSRSACertificateFile {0}\n</IfModule>\n"),
    "mariadb": ("etc/my.cnf.d/server.cnf", "[mysqld]\ndatadir = /var/lib/mysql\nssl_cert = {0}\nssl_key = /etc/k\n"),
    "mysql": ("etc/mysql/mysql.conf.d/mysqld.cnf", "[mysqld]\ndatadir = /var/lib/mysql\nssl_cert = {0}\nssl_key = /etc/k\n"),
    "postgresql": ("etc/postgresql.conf", "ssl = on\nssl_cert_file = '{0}'\n"),
    "redis": ("etc/redis.conf", "tls-port 6379\ntls-cert-file {0}\n"),
    "squid": ("etc/squid/squid.conf", "https_port 443 cert={0} key=/etc/k\n"),
    "exim": ("etc/exim/exim.conf", "tls_advertise_hosts = *\ntls_certificate = {0}\n"),
    "coturn": ("etc/turnserver.conf", "cert={0}\npkey=/etc/k\ntls-listening-port=5349\n"),
    "slapd": ("etc/openldap/slapd.conf", "TLSCertificateFile {0}\nTLSCertificateKeyFile /etc/k\n"),
    "mosquitto": ("etc/mosquitto/mosquitto.conf", "listener 8883\ncertfile {0}\n"),
    "tomcat": ("etc/tomcat/server.xml", '<Server><Service><Connector port="8443" SSLEnabled="true"><SSLHostConfig><Certificate certificateFile="{0}"/></SSLHostConfig></Connector></Service></Server>'),
    "jetty": ("etc/jetty/jetty-ssl.xml", '<Configure class="org.eclipse.jetty.util.ssl.SslContextFactory$Server"><Set name="KeyStorePath">{0}</Set></Configure>'),
}  # fmt: skip
"""A configuration of each server that names certificates, in a copy of a host."""
SELF_SIGNED = "tls/certificate-trust"
NO_CERTIFICATES = {"crypto_policies", "java_security", "openssl_cnf", "openssh", "openssh_client"}


def host(tmp_path: Path, name: str, content: bytes | None, file: str = CERTIFICATE) -> Path:
    """Write a copy of a host with one server, and its certificate where there is one; return the configuration."""
    where, text = CONFIGURATIONS[name]
    config = tmp_path / where
    config.parent.mkdir(parents=True, exist_ok=True)
    config.write_text(text.format(file))
    place = tmp_path / file.lstrip("/")
    place.parent.mkdir(parents=True, exist_ok=True)
    if content is not None:
        place.write_bytes(content)
    return config


def audited(config: Path, name: str, *names: str, **more: object) -> Run:
    target = find(name)
    version = target.facts.default
    asked = AuditInput(target=target, version=version, now=NOW, **more)  # type: ignore[arg-type]  # whatever a test gives
    found = audit([config], [policy.load(n) for n in names or ("aspect",)], asked)
    return Run.of(found.subjects, found.findings, found.results, started=NOW, finished=NOW)


def verdict(found: Run, rule: str = "tls/aspect/certificate") -> tuple[Verdict, str]:
    (said,) = {(one.verdict, one.reason) for one in found.results if one.rule.id == rule}
    return said


def rules(found: Run) -> set[str]:
    return {one.rule.id for one in found.findings if "certificate" in one.rule.id}


def test_every_server_that_names_certificates_is_here() -> None:
    from hardening.tls.targets import targets

    assert {one.name.replace("-", "_") for one in targets()} == set(CONFIGURATIONS) | NO_CERTIFICATES


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_a_weak_certificate_is_a_finding_whatever_server_names_it(name: str, tmp_path: Path) -> None:
    """The audit read it, and said that no certificate was seen."""
    found = audited(host(tmp_path, name, card(key=small(), days=-1)[0]), name)
    assert verdict(found)[0] is Verdict.FAIL
    assert rules(found) == {"tls/certificate-key", "tls/certificate-expired", SELF_SIGNED}
    assert {one.where for one in found.findings if "certificate" in one.rule.id} == {
        f"{tmp_path}{CERTIFICATE}"
    }
    assert found.exit_code() is ExitCode.FINDINGS


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_a_sound_certificate_is_a_pass(name: str, tmp_path: Path) -> None:
    found = audited(host(tmp_path, name, card()[0]), name)
    assert verdict(found)[0] is Verdict.PASS
    assert rules(found) == {SELF_SIGNED}
    assert not any(one.policies for one in found.findings if one.rule.id == SELF_SIGNED)


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_a_certificate_that_is_not_in_the_copy_is_named(name: str, tmp_path: Path) -> None:
    """It was `no certificate was seen`, whichever file was missing."""
    found = audited(host(tmp_path, name, None), name)
    (lost,) = [one for one in found.findings if one.rule.id == "tls/certificate-unread"]
    assert lost.message == f"certificate {CERTIFICATE} was not read: not found below {tmp_path}"
    assert verdict(found) == (Verdict.INCONCLUSIVE, lost.message)
    assert f"Copy it to {tmp_path}{CERTIFICATE} as well" in lost.advice
    assert "harden tls scan" in lost.advice
    assert {one.examined for one in found.subjects} == {Examined.PARTIAL}
    assert "pass" not in {word for one in found.subjects for word in one.policies.values()}


def _jks(pem: bytes) -> bytes:
    der = x509.load_pem_x509_certificate(pem).public_bytes(Encoding.DER)
    entry = (
        struct.pack(">IH", 1, 5) + b"alias" + bytes(8) + struct.pack(">I", 4) + b"key!" + struct.pack(">I", 1)
    )
    entry += struct.pack(">H", 5) + b"X.509" + struct.pack(">I", len(der)) + der
    return b"\xfe\xed\xfe\xed" + struct.pack(">II", 2, 1) + entry + bytes(20)


def _p12(password: bytes = b"tz8-qr") -> bytes:
    pem, key = card()
    sealed = BestAvailableEncryption(password)
    return pkcs12.serialize_key_and_certificates(b"a", key, x509.load_pem_x509_certificate(pem), None, sealed)


def _key_alone() -> bytes:
    return card()[1].private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


UNREADABLE: dict[str, tuple[Callable[[], bytes], str]] = {
    "empty": (lambda: b"\n", "it is empty"),
    "a text": (lambda: b"hello\n", "no certificate in PEM form is in it"),
    "a key": (_key_alone, "no certificate in PEM form is in it"),
    "PKCS#12": (_p12, "a key store (PKCS#12), which only its password opens, or no certificate"),
    "cut": (lambda: card()[0].replace(b"M", b"A", 3), "1 of its 1 certificates cannot be read"),
    "Java, cut": (lambda: _jks(card()[0])[:60], "a Java key store that cannot be read"),
    "Java, secrets": (lambda: b"\xfe\xed\xfe\xed" + struct.pack(">IIIH", 2, 1, 3, 0) + bytes(8), "a Java key store that cannot be read"),
    "too large": (lambda: card()[0] + b"#" * (1 << 20), "larger than 1 MiB"),
}  # fmt: skip


@pytest.mark.parametrize("what", UNREADABLE)
@pytest.mark.parametrize("name", ["nginx", "postfix", "tomcat"])
def test_what_is_no_readable_certificate_is_named_with_the_reason(
    what: str, name: str, tmp_path: Path
) -> None:
    make, why = UNREADABLE[what]
    if (what, name) == ("a key", "postfix"):  # where keys may be in files of their own
        why = "no certificate is in it, only a key"
    if (what, name) == ("PKCS#12", "tomcat"):  # which reads stores
        why = "a key store (PKCS#12) that changeit does not open, or no certificate"
    found = audited(host(tmp_path, name, make()), name)
    assert verdict(found) == (Verdict.INCONCLUSIVE, f"certificate {CERTIFICATE} was not read: {why}")
    assert found.exit_code() in {ExitCode.PARTLY_EXAMINED, ExitCode.FINDINGS}


def test_a_folder_in_its_place_and_a_link_out_of_the_copy(tmp_path: Path) -> None:
    config = host(tmp_path / "a", "nginx", None)
    (tmp_path / "a/etc/pki/server.pem").mkdir()
    assert "regular file" in verdict(audited(config, "nginx"))[1]
    outside = tmp_path / "outside.pem"
    outside.write_bytes(card(key=small())[0])
    config = host(tmp_path / "b", "nginx", None)
    (tmp_path / "b/etc/pki/server.pem").symlink_to(outside)
    assert "not found below" in verdict(audited(config, "nginx"))[1]  # the link leads inside the copy
    (tmp_path / f"b{tmp_path}").mkdir(parents=True)
    (tmp_path / f"b{outside}").write_bytes(card()[0])
    assert verdict(audited(config, "nginx"))[0] is Verdict.PASS


def test_a_relative_name_in_a_copy_is_not_looked_for_on_this_machine(tmp_path: Path) -> None:
    """The folder that the server starts in is not known; this machine's own file of that name is another."""
    here = tmp_path / "here.pem"
    here.write_bytes(card()[0])
    config = host(tmp_path / "copy", "redis", None, file=str(here).lstrip("/"))
    said, why = verdict(audited(config, "redis"))
    assert said is Verdict.INCONCLUSIVE
    assert "its name is relative to a folder that is not known" in why


def test_a_file_of_this_machine_that_a_strange_configuration_names_is_said(tmp_path: Path) -> None:
    pem = tmp_path / "elsewhere" / "server.pem"
    pem.parent.mkdir()
    pem.write_bytes(card()[0])
    config = tmp_path / "mail" / "nginx.conf"
    config.parent.mkdir()
    config.write_text(CONFIGURATIONS["nginx"][1].format(pem))
    (subject,) = audited(config, "nginx").subjects
    assert any(f"{pem} of this machine" in one for one in (subject.offer or {})["assumptions"])
    config.write_text(CONFIGURATIONS["nginx"][1].format("own.pem"))
    (config.parent / "own.pem").write_bytes(card()[0])
    (subject,) = audited(config, "nginx").subjects
    assert not any("of this machine" in one for one in (subject.offer or {})["assumptions"])


@pytest.mark.parametrize(
    ("named", "why"),
    [
        ("$ssl_server_name.crt", "its name depends on the connection"),
        ("data:$cert", "its name depends on the connection"),
        ("pkcs11:token=x", "it is in no file"),
        ("@store/x", "it is in no file"),
    ],
)
def test_a_certificate_that_is_in_no_file_is_named(named: str, why: str, tmp_path: Path) -> None:
    config = host(tmp_path, "nginx", None)
    config.write_text(CONFIGURATIONS["nginx"][1].format(named))
    assert why in verdict(audited(config, "nginx"))[1]


def test_a_java_key_store_is_read(tmp_path: Path) -> None:
    found = audited(host(tmp_path, "jetty", _jks(card(key=small())[0])), "jetty")
    assert rules(found) == {"tls/certificate-key", SELF_SIGNED}


def test_a_chain_is_judged_to_its_end(tmp_path: Path) -> None:
    root, root_key = card("root", ca=True)
    weak, weak_key = card("weak ca", small(), issuer="root", signer=root_key, ca=True)
    leaf, _ = card(issuer="weak ca", signer=weak_key)
    found = audited(host(tmp_path, "nginx", leaf + weak + root), "nginx")
    assert rules(found) == {"tls/certificate-key"}
    assert "CN=weak ca" in verdict(found)[1]
    found = audited(host(tmp_path, "nginx", leaf + root + weak), "nginx")
    assert rules(found) == {"tls/certificate-key", "tls/certificate-chain-order"}


@pytest.mark.parametrize("digest", [hashes.MD5(), hashes.SHA1()], ids=["md5", "sha1"])
def test_a_broken_digest_certifies_all_the_same(digest: hashes.MD5 | hashes.SHA1, tmp_path: Path) -> None:
    """Each chain was out of order, since the library refuses to verify such signatures."""
    authority, key = card("ca", signing := rsa.generate_private_key(65537, 2048), ca=True)
    other, _ = card("ca", key=rsa.generate_private_key(65537, 2048), ca=True)
    leaf = resigned(card(issuer="ca", signer=key)[0], signing, digest)
    found = rules(audited(host(tmp_path, "nginx", leaf + authority), "nginx"))
    assert found == {"tls/certificate-signature"}
    found = rules(audited(host(tmp_path, "nginx", leaf + other), "nginx"))
    assert found == {"tls/certificate-signature", "tls/certificate-chain-order"}


def test_what_a_library_warns_about_is_read_in_silence(tmp_path: Path) -> None:
    """The serial number 0 of its authority was a warning on standard error, and with `-W error` the end of the audit."""
    name = x509.DirectoryName(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "ca")]))
    authority = x509.AuthorityKeyIdentifier(b"1", [name], 0)
    made, _ = card(more=[authority])
    assert rules(audited(host(tmp_path, "nginx", made), "nginx")) == {SELF_SIGNED}


def test_an_authority_of_its_own_is_the_servers_own_certificate_beside_another(tmp_path: Path) -> None:
    """`openssl req -x509` marks what it makes as an authority's."""
    config = host(tmp_path, "nginx", card()[0])
    (tmp_path / "etc/pki/second.pem").write_bytes(card("second", ca=True)[0])
    text = config.read_text().replace(
        "ssl_certificate ", "ssl_certificate /etc/pki/second.pem; ssl_certificate "
    )
    config.write_text(text)
    found = audited(config, "nginx", "ssllabs-rating")
    trust = [one.message for one in found.findings if one.rule.id == "tls/certificate-trust"]
    assert len(trust) == 2


def test_a_chain_in_a_file_of_its_own_is_judged_too(tmp_path: Path) -> None:
    config = host(tmp_path, "httpd", card()[0])
    chain = tmp_path / "etc/pki/chain.pem"
    chain.write_bytes(card("weak ca", small(), ca=True)[0])
    config.write_text(
        config.read_text().replace("SSLEngine", "SSLCertificateChainFile /etc/pki/chain.pem\nSSLEngine")
    )
    found = audited(config, "httpd")
    assert [one.where for one in found.findings if one.rule.id == "tls/certificate-key"] == [str(chain)]
    chain.unlink()
    assert "/etc/pki/chain.pem was not read" in verdict(audited(config, "httpd"))[1]


@pytest.mark.parametrize(("names", "expected"), [(("bms.example", "www.bms.example"), set()), (("bms.example",), {"tls/certificate-hostname"})])  # fmt: skip
def test_the_names_that_clients_ask_for_are_compared(
    names: tuple[str, ...], expected: set[str], tmp_path: Path
) -> None:
    config = host(tmp_path, "nginx", card(issuer="ca", signer=small(), names=names)[0])
    text = config.read_text().replace(
        "listen", "server_name bms.example www.bms.example ~^x *.y.example; listen"
    )
    config.write_text(text)
    found = audited(config, "nginx", "owasp-tls-cheatsheet")
    assert rules(found) == expected
    unanswered = {one.rule for one in found.subjects[0].unanswered}
    assert "tls/owasp-tls-cheatsheet/certificate-names" not in unanswered


def test_parameters_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    config = host(tmp_path, "nginx", card(key=rsa.generate_private_key(65537, 2048))[0])
    text = config.read_text().replace(
        "listen", "ssl_ciphers DHE-RSA-AES128-GCM-SHA256; ssl_dhparam /etc/pki/dh.pem; listen"
    )
    config.write_text(text)
    said, why = verdict(audited(config, "nginx"), "tls/aspect/dh-parameters")
    assert said is Verdict.INCONCLUSIVE
    assert why == f"DH parameters /etc/pki/dh.pem was not read: not found below {tmp_path}"


COMPLIANT = """events {{}}
http {{ server {{ listen 443 ssl; server_name bms.example; ssl_certificate {0}; ssl_protocols TLSv1.2 TLSv1.3;
ssl_ciphers ECDHE-ECDSA-AES128-GCM-SHA256; ssl_ecdh_curve X25519:prime256v1; }} }}
"""


def compliant(tmp_path: Path, content: bytes | None) -> Path:
    config = host(tmp_path, "nginx", content)
    config.write_text(COMPLIANT.format(CERTIFICATE))
    return config


NGINX = ("--target", "nginx@1.26.3-el10")


def test_a_pass_names_its_scope_and_what_a_scan_adds(
    tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    now = datetime.now(UTC)
    days = (now - NOW).days + 90
    config = compliant(tmp_path, card(days=days)[0])
    out = {name: tmp_path / f"report.{name}" for name in ("json", "html", "markdown", "junit")}
    reports = [word for name, path in out.items() for word in ("--report", f"{name}={path}")]
    assert run([str(word) for word in ("tls", "audit", config, *NGINX, *reports)]) == ExitCode.OK
    text = capsysbinary.readouterr().out.decode()
    command = "harden tls scan bms.example:443 --policy aspect --deep"
    assert "policy aspect: pass (configuration)" in text
    assert "not answered from here: tls/aspect/signatures, tls/aspect/renegotiation" in text
    assert command in text
    (subject,) = json.loads(out["json"].read_text())["subjects"]
    assert (subject["policies"], subject["scope"]) == ({"aspect": "pass"}, "configuration")
    assert {(one["rule"], one["command"]) for one in subject["unanswered"]} == {
        ("tls/aspect/signatures", command),
        ("tls/aspect/renegotiation", command),
    }
    for name in ("html", "markdown", "junit"):
        report = out[name].read_text().replace("\\", "")
        assert "pass (configuration)" in report, name
        assert command in report, name


def test_a_certificate_that_was_not_read_makes_the_verdict_unknown(tmp_path: Path) -> None:
    config = compliant(tmp_path, None)
    assert run([str(word) for word in ("tls", "audit", config, *NGINX, "-q")]) == ExitCode.PARTLY_EXAMINED
    # a policy without a rule about certificates has nothing to ask
    assert (
        run([str(word) for word in ("tls", "audit", config, *NGINX, "-q", "--policy", "rfc-prohibitions")])
        == ExitCode.OK
    )


@pytest.mark.parametrize("rule", ["renegotiation", "aspect/renegotiation", "tls/aspect/renegotiation"])
def test_a_rule_that_is_required_has_to_be_answered(rule: str, tmp_path: Path) -> None:
    found = audited(
        compliant(tmp_path, card()[0]), "nginx", required=policy.required([rule], [policy.load("aspect")])
    )
    (subject,) = found.subjects
    assert subject.policies == {"aspect": "unknown"}
    assert subject.reason.startswith("tls/aspect/renegotiation is required and was not answered")
    assert found.exit_code() is ExitCode.PARTLY_EXAMINED


def test_a_required_rule_that_is_answered_changes_nothing(tmp_path: Path) -> None:
    found = audited(compliant(tmp_path, card()[0]), "nginx", required=frozenset({"tls/aspect/certificate"}))
    assert found.subjects[0].policies == {"aspect": "pass"}


def test_a_required_rule_that_does_not_exist_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = compliant(tmp_path, card()[0])
    assert run([str(word) for word in ("tls", "audit", config, "--require", "certificat")]) == ExitCode.USAGE
    assert "did you mean 'certificate'?" in capsys.readouterr().err


def test_a_rule_that_fails_in_some_releases_is_open_and_so_is_the_run(tmp_path: Path) -> None:
    config = host(tmp_path, "nginx", card()[0])
    found = audit([config], [policy.load("aspect")], AuditInput(target=find("nginx"), now=NOW))
    (subject,) = found.subjects
    open_ = [one for one in found.results if one.verdict is Verdict.INCONCLUSIVE]
    if subject.policies["aspect"] == "unknown":
        assert subject.examined is Examined.PARTIAL
    assert all("--target nginx@VERSION" in one.reason for one in open_)
    assert open_
