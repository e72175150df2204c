"""Lines that are repeated, inherited, taken back or remarked upon: each server is read as it reads itself."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from hardening.tls import policy as policies
from hardening.tls.auditing import audit as audits
from hardening.tls.auditing import mains
from hardening.tls.auditing.shared import Audited
from hardening.tls.libraries import jsse
from hardening.tls.targets import find
from hardening.tls.targets.jetty import context as jetty_context
from hardening.tls.targets.reading import xml_syntax
from hardening.tls.targets.reading.tree import Tree

STUNNEL = (
    "{top}securityLevel = 0\nciphers = HIGH:@SECLEVEL=0\n"
    "[a]\naccept = 127.0.0.1:{port}\nconnect = 127.0.0.1:1\ncert = {both}\n{own}"
)
SQUID = "https_port 127.0.0.1:{port} tls-cert={crt} tls-key={key} cipher=HIGH:@SECLEVEL=0 {own}\n"


def _audit(path: Path, target: str, text: str, version: str | None = None) -> Audited:
    path.write_text(text)
    asked = mains.AuditInput(target=find(target), version=version or find(target).facts.default)
    return audits.audit([path], [policies.load("aspect")], asked)


def _versions(found: Audited) -> list[set[str]]:
    return [set(s.offer["protocols"]) for s in found.subjects if s.offer and "protocols" in s.offer]


def _offer(found: Audited) -> Mapping[str, Any]:
    return found.subjects[0].offer or {}


@pytest.mark.parametrize(
    ("text", "versions"),
    [
        ("ssl_protocols TLSv1; ssl_protocols TLSv1.2;", {"TLSv1.0", "TLSv1.2"}),
        ("ssl_protocols tlsv1 TLSV1.2;", {"TLSv1.0", "TLSv1.2"}),
        ("ssl_protocols TLSv1.2 TLSv1.2;", {"TLSv1.2"}),
    ],
)
def test_every_line_of_a_block_adds_versions_in_nginx(text: str, versions: set[str], tmp_path: Path) -> None:
    top = "ssl_protocols TLSv1.1; ssl_ciphers HIGH:@SECLEVEL=0;"
    whole = f"http {{ {top} server {{ listen 443 ssl; {text} }} server {{ listen 444 ssl; }} }}"
    assert _versions(_audit(tmp_path / "nginx.conf", "nginx", whole)) == [versions, {"TLSv1.1"}]


def test_directives_of_stream_are_none_that_nobody_knows(tmp_path: Path) -> None:
    text = "ssl_engine x; stream { server { listen 1; ssl_preread on; } server { listen 2 ssl; ssl_handshake_timeout 9s; ssl_alpn h2; } }"
    found = _audit(tmp_path / "nginx.conf", "nginx", text)
    assert not [f for f in found.findings if f.rule.id == "tls/unknown-directive"]


def test_lists_of_single_requests_of_the_main_server_hold_in_its_hosts(tmp_path: Path) -> None:
    text = (
        "SSLCipherSuite HIGH\n<Location /old>\nSSLCipherSuite RC4-SHA\n</Location>\n"
        "<VirtualHost *:443>\nSSLEngine on\n</VirtualHost>\n"
    )
    found = _audit(tmp_path / "httpd.conf", "httpd", text)
    assert "holds for some requests, after a renegotiation" in str(_offer(found))


def test_a_brace_within_a_word_of_nginx_ends_no_block(tmp_path: Path) -> None:
    """`nginx -t` of 1.26 takes these lines: only a word's first sign may be a brace of its own."""
    text = (
        "http { ssl_ciphers HIGH:@SECLEVEL=0; ssl_protocols TLSv1.2;"
        " server { listen 443 ssl; set $b a}c; set $c x${uri}y}; ssl_protocols TLSv1; }"
        " server { listen 444 ssl; } }"
    )
    assert _versions(_audit(tmp_path / "nginx.conf", "nginx", text)) == [{"TLSv1.0"}, {"TLSv1.2"}]


@pytest.mark.parametrize("word", ["on", "only", "ON"])
def test_mail_of_nginx_speaks_tls_when_it_is_asked(word: str, tmp_path: Path) -> None:
    text = (
        f"mail {{ ssl_ciphers HIGH:@SECLEVEL=0; starttls {word};\n"
        "server { listen 25; ssl_protocols TLSv1; }\n"
        "server { listen 26; starttls off; }\n"
        "server { listen 465 ssl; ssl_protocols TLSv1.3; starttls off; } }"
    )
    found = _audit(tmp_path / "nginx.conf", "nginx", text)
    assert {s.id.rpartition(":")[2]: set((s.offer or {})["protocols"]) for s in found.subjects} == {
        "25": {"TLSv1.0"},
        "465": {"TLSv1.3"},
    }


@pytest.mark.parametrize(
    ("top", "own", "versions"),
    [
        ("", "sslVersion = TLSv1.2\nsslVersionMin = TLSv1\n", {"TLSv1.0", "TLSv1.1", "TLSv1.2"}),
        ("sslVersion = TLSv1.2\n", "sslVersionMin = TLSv1.1\n", {"TLSv1.1", "TLSv1.2"}),
        ("", "sslVersionMin = TLSv1\nsslVersion = TLSv1.2\n", {"TLSv1.2"}),
        ("sslVersion = TLSv1.2\n", "sslVersion = all\noptions = NO_TLSv1\n", {"TLSv1.1", "TLSv1.2", "TLSv1.3"}),
        ("options = -NO_TLSv1\n", "sslVersionMax = TLSv1.1\noptions = NO_TLSv1\n", {"TLSv1.0", "TLSv1.1"}),
    ],
)  # fmt: skip
def test_versions_of_stunnel_are_set_line_after_line(
    top: str, own: str, versions: set[str], tmp_path: Path
) -> None:
    text = STUNNEL.format(top=top, own=own, port=1, both="/a.pem")
    assert _versions(_audit(tmp_path / "stunnel.conf", "stunnel", text)) == [versions]


@pytest.mark.parametrize(
    ("own", "versions"),
    [
        ("# tls-min-version=1.3", {"TLSv1.0", "TLSv1.1", "TLSv1.2", "TLSv1.3"}),
        ("#tls-min-version=1.3", {"TLSv1.0", "TLSv1.1", "TLSv1.2", "TLSv1.3"}),
        ("version=5", {"TLSv1.1"}),
        ("version=1", {"TLSv1.0", "TLSv1.1", "TLSv1.2", "TLSv1.3"}),
        ("tls-min-version=1.1 tls-version=6", {"TLSv1.1", "TLSv1.2", "TLSv1.3"}),
        ("options=NO_TLSv1:-NO_TLSv1:!NO_TLSv1_1:+NO_TLSv1_2", {"TLSv1.0", "TLSv1.1", "TLSv1.3"}),
    ],
)
def test_words_of_squid_end_at_a_remark_and_options_are_taken_back(
    own: str, versions: set[str], tmp_path: Path
) -> None:
    text = SQUID.format(port=1, crt="/a.pem", key="/a.key", own=own)
    assert _versions(_audit(tmp_path / "squid.conf", "squid", text)) == [versions]


def test_an_empty_list_of_vsftpd_is_that_of_the_library(tmp_path: Path) -> None:
    found = _audit(tmp_path / "vsftpd.conf", "vsftpd", "ssl_enable=YES\nssl_ciphers=\n")
    assert "TLS_RSA_WITH_AES_128_CBC_SHA256" in _offer(found)["protocols"]["TLSv1.2"]["suites"]


@pytest.mark.parametrize(
    ("switch", "read"),
    [
        ("on", 1),
        ("t", 1),
        ("Yes", 1),
        ("'on'# x", 1),
        ("on#x", 1),
        ("of", 0),
        ("false", 0),
        ("n", 0),
        ("0", 0),
    ],
)
def test_switches_of_postgresql(switch: str, read: int, tmp_path: Path) -> None:
    text = f"ssl = {switch}\nssl_min_protocol_version = TLSv1.2#TLSv1.3\nssl_prefer_server_ciphers = y#\n"
    found = _audit(tmp_path / "postgresql.conf", "postgresql", text)
    assert _versions(found) == [{"TLSv1.2", "TLSv1.3"}] * read


@pytest.mark.parametrize(
    ("text", "versions"),
    [
        ("no-tlsv1=0\nno-tlsv1_1 = false\n", {"TLSv1.0", "TLSv1.1", "TLSv1.2"}),
        ("no-tlsv1\nno-tlsv1_1 off\nno-tlsv1=n\nno-tls=0\n", {"TLSv1.0", "TLSv1.1", "TLSv1.2"}),
        ("no-tlsv1 1\nno-tlsv1_1=yes\n", {"TLSv1.2"}),
        ("NO-TLSV1\nno-tlsv1_1\n", {"TLSv1.0", "TLSv1.2"}),
    ],
)
def test_switches_of_coturn_may_say_no(text: str, versions: set[str], tmp_path: Path) -> None:
    found = _audit(
        tmp_path / "turnserver.conf", "coturn", f"no-tcp\ncert=/a.pem\ncipher-list HIGH:@SECLEVEL=0\n{text}"
    )
    assert _versions(found) == [versions]


@pytest.mark.parametrize(
    ("text", "bits"), [("", 2066), ("dh566\n", 566), ("dh566\ndh1066\n", 1066), ("dh566=no\n", 2066)]
)
def test_parameters_of_coturn(text: str, bits: int, tmp_path: Path) -> None:
    found = _audit(
        tmp_path / "turnserver.conf", "coturn", f"cert=/a.pem\ncipher-list=DHE:@SECLEVEL=0\n{text}"
    )
    assert _offer(found)["dh_bits"] == bits


def test_an_empty_list_of_exim_is_its_own(tmp_path: Path) -> None:
    ours = [
        _offer(_audit(tmp_path / "exim.conf", "exim", f"tls_certificate = /a.pem\n{more}"))["protocols"]
        for more in ("tls_require_ciphers =\n", "")
    ]
    assert ours[0] == ours[1] != {}


def test_names_of_openssh_in_single_quotes(tmp_path: Path) -> None:
    found = _audit(tmp_path / "sshd_config", "openssh", "Ciphers 'aes128-cbc'\nMACs \"hmac-sha1\"\n")
    offered = _offer(found)
    assert offered["ssh"]["ciphers"] == ["aes128-cbc"]
    assert not [f for f in found.findings if f.rule.id == "tls/unknown-directive"]


def _parameters(path: Path) -> None:
    """Write parameters of 512 bits."""
    prime = b"\x02\x41\x00" + b"\xff" * 64
    body = prime + b"\x02\x01\x02"
    text = base64.b64encode(bytes((0x30, len(body))) + body).decode()
    path.write_text(f"-----BEGIN DH PARAMETERS-----\n{text}\n-----END DH PARAMETERS-----\n")


def test_a_file_of_parameters_of_coturn_counts_over_switches(tmp_path: Path) -> None:
    _parameters(tmp_path / "dh.pem")
    lines = f"cert=/a.pem\ncipher-list=DHE:@SECLEVEL=0\ndh-file={tmp_path}/dh.pem\ndh1066\n"
    assert _offer(_audit(tmp_path / "turnserver.conf", "coturn", lines))["dh_bits"] == 512


@pytest.mark.parametrize(
    ("section", "holds"), [("mysqld-8.0", True), ("mysqld-5.7", False), ("mariadb", False), ("server", True)]
)
def test_sections_of_mysql_that_its_release_reads(section: str, holds: bool, tmp_path: Path) -> None:
    text = f"[mysqld]\nssl-cert=/a.pem\ntls_version=TLSv1.2\n[{section}]\ntls-version=TLSv1.3\n"
    assert _versions(_audit(tmp_path / "my.cnf", "mysql", text, "8.0.36-el8")) == [
        {"TLSv1.3" if holds else "TLSv1.2"}
    ]


@pytest.mark.parametrize(
    ("more", "suites"),
    [
        ("admin-address=127.0.0.1\nadmin-ssl-cipher=AES128-SHA256\nadmin_tls_version=TLSv1.2\n", ["TLS_RSA_WITH_AES_128_CBC_SHA256"]),
        ("admin-ssl-cipher=AES128-SHA256\n", None),
        ("admin-address=127.0.0.1\n", None),
    ],
)  # fmt: skip
def test_the_administrative_address_of_mysql_has_settings_of_its_own(
    more: str, suites: list[str] | None, tmp_path: Path
) -> None:
    text = f"[mysqld]\nssl-cert=/a.pem\nssl-cipher=ECDHE-RSA-AES128-GCM-SHA256\n{more}"
    found = _audit(tmp_path / "my.cnf", "mysql", text, "8.0.36-el8")
    own = {s.id.rpartition("#")[2]: s.offer or {} for s in found.subjects}
    assert set(own) == {"mysql:3306"} | ({"mysql-admin:33062"} if suites else set())
    if suites:
        assert own["mysql-admin:33062"]["protocols"]["TLSv1.2"]["suites"] == suites
        assert found.subjects[-1].policies == {"aspect": "fail"}


@pytest.mark.parametrize(
    ("build", "first", "included", "versions"),
    [
        ("jdk-25.0.2", "{p}=SSLv3\ninclude inc.security\n", "{p}=TLSv1.3\n", {"TLSv1.0", "TLSv1.1", "TLSv1.2"}),
        ("jdk-25.0.2", "include inc.security\n{p}=TLSv1.2\n", "{p}=TLSv1.3\n", {"TLSv1.0", "TLSv1.1", "TLSv1.3"}),
        ("jdk-25.0.2", "{p}=SSLv3\n  include : {folder}/inc.sec\\\nurity\n", "{p}=TLSv1.3\n", {"TLSv1.0", "TLSv1.1", "TLSv1.2"}),
        ("jdk-17.0.18", "{p}=TLSv1.2\ninclude inc.security\n", "{p}=TLSv1.3\n", {"TLSv1.0", "TLSv1.1", "TLSv1.3"}),
    ],
)  # fmt: skip
def test_java_security_includes_files_from_24_on(
    build: str, first: str, included: str, versions: set[str], tmp_path: Path
) -> None:
    name = "jdk.tls.disabledAlgorithms"
    (tmp_path / "inc.security").write_text(included.format(p=name))
    path = tmp_path / "java.security"
    path.write_text(first.format(p=name, folder=tmp_path))
    asked = mains.AuditInput(target=find("java_security"), version=build.removeprefix("jdk-"), build=build)
    found = audits.audit([path], [policies.load("aspect")], asked)
    assert _versions(found)[0] - {"SSLv3"} == versions


def test_what_includes_java_security_cannot_settle_is_said(tmp_path: Path) -> None:
    path = tmp_path / "java.security"
    path.write_text(
        "jdk.tls.disabledAlgorithms=SSLv3\ninclude ${user.home}/x\ninclude java.security\ninclude no\n"
    )
    asked = mains.AuditInput(target=find("java_security"), version="25.0.2", build="jdk-25.0.2")
    found = audits.audit([path], [policies.load("aspect")], asked)
    assert {f.rule.id for f in found.findings} >= {
        "walk/config-conditional", "walk/config-include-loop", "walk/config-missing-include",
    }  # fmt: skip


def test_the_largest_of_several_key_sizes_of_java_holds() -> None:
    both = jsse.constraints("EC keySize < 384, EC keySize < 224", "jdk-17.0.18")
    assert not both.permits_group("secp256r1")


JETTY = """<Configure id="sslContextFactory" class="org.eclipse.jetty.util.ssl.SslContextFactory$Server">
{0}</Configure>
"""


def _jetty(name: str, word: str, *values: str) -> str:
    items = "".join(f"<Item>{v}</Item>" for v in values)
    array = f'<Array type="String">{items}</Array>'
    return (
        f'<Set name="{name}">{array}</Set>\n'
        if word == "set"
        else f'<Call name="{word}{name}"><Arg>{array}</Arg></Call>\n'
    )


@pytest.mark.parametrize(
    ("version", "lines", "versions"),
    [
        ("12.0.17-debian13", _jetty("IncludeProtocols", "set", "TLSv1.*"), {"TLSv1.0", "TLSv1.1", "TLSv1.2", "TLSv1.3"}),
        ("12.0.17-debian13", _jetty("IncludeProtocols", "set", "TLSv1.2"), {"TLSv1.2"}),
        ("12.0.17-debian13", _jetty("ExcludeProtocols", "set", r"TLSv1(\.1)?", "SSL.*"), {"TLSv1.2", "TLSv1.3"}),
        ("12.0.17-debian13", _jetty("ExcludeProtocols", "add", "TLSv1.3"), {"TLSv1.0", "TLSv1.1", "TLSv1.2"}),
        ("9.2.26", _jetty("ExcludeProtocols", "set", "TLSv1.*"), {"TLSv1.0", "TLSv1.1", "TLSv1.2"}),
    ],
)  # fmt: skip
def test_names_of_versions_are_expressions_in_jetty_12(version: str, lines: str, versions: set[str]) -> None:
    own = jsse.jdk("jdk-21.0.10" if version.startswith("12") else "jdk-8u201")
    root = xml_syntax.read(Tree.of_text(JETTY.format(lines), "jetty.xml"), "jetty.xml")
    assert root is not None
    (context,) = jetty_context.contexts([root])
    release, _ = find("jetty").facts.release(version)
    found = jetty_context._protocols(context, release, own)
    assert {s.value for s in found} - {"SSLv3"} == versions


@pytest.mark.parametrize(
    ("line", "ciphers"),
    [
        ("cipher@SSH = *-CBC", {"aes256-cbc", "aes192-cbc", "aes128-cbc", "3des-cbc"}),
        ("cipher@SSH = AES-256-GCM\ncipher@SSH = +3DES-*", {"3des-cbc", "aes256-gcm@openssh.com"}),
        ("cipher@SSH = AES-256-GCM\ncipher@SSH = AES-???-CTR+", {"aes256-gcm@openssh.com", "aes256-ctr", "aes192-ctr", "aes128-ctr"}),
    ],
)  # fmt: skip
def test_patterns_of_crypto_policies_name_algorithms_everywhere(
    line: str, ciphers: set[str], tmp_path: Path
) -> None:
    found = _audit(tmp_path / "X.pmod", "crypto_policies", f"{line}\n")
    (sshd,) = (s.offer or {} for s in found.subjects if s.id.endswith("#sshd"))
    assert set(sshd["ssh"]["ciphers"]) == ciphers


def test_commands_of_openssl_in_tomcat_come_over_the_attributes(tmp_path: Path) -> None:
    text = (
        '<Server><Connector port="8443" SSLEnabled="true" protocol="org.apache.coyote.http11.Http11AprProtocol">'
        '<SSLHostConfig protocols="TLSv1.2" ciphers="ECDHE+AESGCM" honorCipherOrder="true">'
        '<OpenSSLConf><OpenSSLConfCmd name="CipherString" value="AES128-SHA:@SECLEVEL=0"/>'
        '<OpenSSLConfCmd name="MinProtocol" value="TLSv1.1"/><OpenSSLConfCmd value="x"/></OpenSSLConf>'
        "</SSLHostConfig></Connector></Server>"
    )
    found = _audit(tmp_path / "server.xml", "tomcat", text, "9.0.62-el8")
    offered = _offer(found)["protocols"]
    suites = ["TLS_RSA_WITH_AES_128_CBC_SHA"]
    assert {name: one["suites"] for name, one in offered.items()} == {"TLSv1.1": suites, "TLSv1.2": suites}


@pytest.mark.parametrize(
    ("said", "bits"),
    [
        ("", 2048),
        ("tls_dhparam =\n", 2048),
        ("tls_dhparam = none\n", None),
        ("tls_dhparam = ike22\n", 1024),
        ("tls_dhparam = ike16\n", None),
        ("tls_dhparam = ike16\ntls_dh_max_bits = 4096\n", 4096),
        ("tls_dhparam = {folder}/dh.pem\n", 512),
    ],
)
def test_parameters_of_exim_with_openssl(said: str, bits: int | None, tmp_path: Path) -> None:
    _parameters(tmp_path / "dh.pem")
    text = f"tls_certificate = /a.pem\ntls_require_ciphers = DHE:@SECLEVEL=0\n{said.format(folder=tmp_path)}"
    offered = _offer(_audit(tmp_path / "exim.conf", "exim", text, "4.97-el8"))
    assert offered["dh_bits"] == bits
    assert ("TLSv1.2" in offered["protocols"]) is (bits is not None)
