"""Configurations that people run: what a few hundred of them had and files written for tests had not."""

from __future__ import annotations

from pathlib import Path

import pytest

from hardening.findings import Examined
from hardening.tls import policy
from hardening.tls.auditing import audit
from hardening.tls.auditing.shared import Audited
from tests.support.tls import servers


def audited(folder: Path, files: dict[str, str], asked: str = "") -> Audited:
    """Audit one of these files, or all of their folder."""
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return audit.audit([folder / asked], [policy.load("aspect")])


def said(found: Audited, rule: str) -> list[str]:
    """Return the messages of one rule."""
    return [one.message for one in found.findings if one.rule.id == rule]


def notes(found: Audited) -> str:
    """Return what was assumed of all subjects."""
    return " ".join(note for one in found.subjects for note in (one.offer or {}).get("assumptions", ()))


VHOST = "server { listen 443 ssl; server_name a; %s }\n"
NGINX = "events {}\nhttp { include conf.d/*.conf; }\n"


@pytest.mark.parametrize("asked", ["etc/nginx/nginx.conf", "etc/nginx/conf.d/a.conf"])
def test_paths_of_nginx_start_from_the_main_file_whichever_file_they_stand_in(
    tmp_path: Path, asked: str
) -> None:
    pair = servers.pair("ec", tmp_path / "certificates")
    files = {
        "etc/nginx/nginx.conf": NGINX,
        "etc/nginx/conf.d/a.conf": VHOST % "include snippets/keys; location / { include gone; }",
        "etc/nginx/snippets/keys": "ssl_certificate ssl/a.pem; ssl_certificate_key ssl/a.pem;",
        "etc/nginx/ssl/a.pem": pair.both.read_text(),
    }
    found = audited(tmp_path, files, asked)
    assert said(found, "walk/config-missing-include") == said(found, "tls/certificate-unread") == []
    assert all("depends on which nginx runs" in one.reason for one in found.subjects)  # nobody names it
    assert "certificates of every kind" not in notes(found)


@pytest.mark.parametrize(
    "lines",
    [
        "ssl_ciphers HIGH\n  ssl_prefer_server_ciphers on;",
        "ssl_dhparam /etc/dh.pem\n  add_header X y;",
        "keepalive_timeout 70\n  ssl_protocols TLSv1.2;",
    ],
)
def test_a_line_of_nginx_without_its_end_is_said(tmp_path: Path, lines: str) -> None:
    found = audited(tmp_path, {"nginx.conf": VHOST % lines}, "nginx.conf")
    (why,) = said(found, "walk/config-unclosed")
    assert "has no ; at its end" in why
    assert found.subjects[0].examined is Examined.PARTIAL


HOST = "Listen 443\n<VirtualHost *:443>\nSSLEngine on\n%s\n</VirtualHost>\n"
REFUSED = {
    "a version nginx of CentOS 5 has no word for": (
        "nginx.conf",
        VHOST % "ssl_protocols TLSv1.1 TLSv1.2;",
        "0.8.55-el5",
        "1.10.3-el6",
    ),
    "a version httpd of CentOS 5 has no word for": (
        "httpd.conf",
        HOST % "SSLProtocol all -SSLv3 -TLSv1.1",
        "2.2.3-el5",
        "2.2.15-el6",
    ),
    "a list that only OpenSSL of CentOS 8 takes": (
        "httpd.conf",
        HOST % "SSLCipherSuite PROFILE=SYSTEM",
        "2.4.6-el7",
        "2.4.37-el8",
    ),
}


@pytest.mark.parametrize(
    ("first", "out", "asked"),
    [
        ("", "2.4.1-debian13", "2.3.16-el8"),
        ("dovecot_config_version = 2.4.1\n", "2.3.16-el8", "2.4.1-debian13"),
    ],
)
def test_the_main_file_of_dovecot_says_whether_it_is_for_2_4(
    tmp_path: Path, first: str, out: str, asked: str
) -> None:
    pair = servers.pair("ec", tmp_path / "certificates")
    key = "ssl_server_cert_file = " if first else "ssl_cert = <"
    text = f"{first}ssl = required\n{key}a.pem\nssl_min_protocol = TLSv1.2\n"
    files = {"etc/dovecot/dovecot.conf": text, "etc/dovecot/a.pem": pair.both.read_text()}
    found = audited(tmp_path, files, "etc/dovecot/dovecot.conf")
    told = [one.stats for one in found.subjects]
    assert all("release" not in one or one["release"] != out for one in told)
    assert out not in notes(found)
    assert asked in notes(found)
    assert "certificates of every kind" not in notes(found)


@pytest.mark.parametrize("case", sorted(REFUSED))
def test_a_release_that_does_not_start_with_a_file_is_not_the_one_that_runs(
    tmp_path: Path, case: str
) -> None:
    name, text, out, asked = REFUSED[case]
    found = audited(tmp_path, {name: text}, name)
    assert out not in notes(found)
    assert asked in notes(found)
    assert not said(found, "tls/inconclusive")


@pytest.mark.parametrize(
    ("name", "text", "word"),
    [
        ("nginx.conf", VHOST % "ssl_protocols TLSv1.2 TLSv1_3;", "TLSv1_3"),
        ("httpd.conf", HOST % "SSLProtocol TLS1.2", "TLS1.2"),
    ],
)
def test_a_version_that_no_release_has_a_word_for_is_said(
    tmp_path: Path, name: str, text: str, word: str
) -> None:
    (why,) = said(audited(tmp_path, {name: text}, name), "tls/unknown-directive")
    assert word in why


def test_httpd_without_a_server_that_speaks_tls_offers_nothing(tmp_path: Path) -> None:
    found = audited(
        tmp_path, {"httpd.conf": "Listen 80\nSSLProtocol all\nSSLCipherSuite ALL\n"}, "httpd.conf"
    )
    assert [(one.examined, one.offer) for one in found.subjects] == [(Examined.NONE, None)]
    assert said(found, "walk/config-empty") == ["it sets up TLS, and no server in it has SSLEngine on"]


def test_what_httpd_asks_others_for_hangs_on_no_condition(tmp_path: Path) -> None:
    text = "LoadModule ssl_module x\n" + HOST % "<IfModule proxy_module>\nSSLProxyEngine on\n</IfModule>"
    assert not said(audited(tmp_path, {"httpd.conf": text}, "httpd.conf"), "walk/config-conditional")


def test_a_certificate_of_httpd_lies_below_its_root(tmp_path: Path) -> None:
    pair = servers.pair("ec", tmp_path / "certificates")
    text = HOST % "SSLCertificateFile conf/a.pem"
    files = {"etc/httpd/conf/httpd.conf": text, "etc/httpd/conf/a.pem": pair.both.read_text()}
    found = audited(tmp_path, files, "etc/httpd/conf/httpd.conf")
    assert "certificates of every kind" not in notes(found)


CNF = "HOME = .\nRANDFILE = $ENV::HOME/.rnd\nopenssl_conf = a\n[ca]\ndir = $HOME/ca\nlist = $ENV::LIST\n[a]\nssl_conf = b\n[b]\nsystem_default = c\n[c]\n"


def test_openssl_takes_from_the_environment_what_is_not_about_tls(tmp_path: Path) -> None:
    found = audited(tmp_path, {"openssl.cnf": CNF + "MinProtocol = TLSv1.2\n"}, "openssl.cnf")
    assert [one.examined for one in found.subjects] == [Examined.FULL]
    assert not said(found, "walk/config-conditional")


@pytest.mark.parametrize("line", ["CipherString = $ENV::LIST", "CipherString = $ca::list"])
def test_a_list_from_the_environment_is_said(tmp_path: Path, line: str) -> None:
    found = audited(tmp_path, {"openssl.cnf": f"{CNF}{line}\n"}, "openssl.cnf")
    assert said(found, "walk/config-conditional") == ["CipherString takes LIST from the environment"]


def test_a_remark_after_a_bare_word_of_mysql_is_one(tmp_path: Path) -> None:
    text = "[mysqld]\nssl-cert = /c.pem\nskip-name-resolve # faster\n"
    found = audited(tmp_path, {"my.cnf": text}, "my.cnf")
    assert not said(found, "walk/config-syntax")


OTHERS = {
    "php/pool.d/site.conf": "[site]\nuser = www-data\ngroup = www-data\nlisten = /run/php.sock\n",
    "xinetd.d/munin": "service munin\n{\n  protocol = tcp\n  group = yes\n  user = root\n}\n",
    "init.d/station": '#!/bin/sh\nmac="$(cat /sys/mac)"\nprotocol=tcp\ncase $1 in\n',
    "shell.cfg": "# of another program\nssh.port = 8101\nhostKey = etc/host.key\nsshRealm = karaf\nsshTimeout = 3\n",
}


def test_files_of_other_programs_are_no_servers(tmp_path: Path) -> None:
    etc = tmp_path / "etc"
    etc.mkdir()
    (etc / "keystore").write_bytes(b"\x00\x01")
    (etc / "gone.service").symlink_to("/no/such/unit")
    found = audited(etc, OTHERS)
    assert [(one.id, one.examined) for one in found.subjects] == [(str(etc), Examined.NONE)]
    assert said(found, "walk/config-unknown-kind") == [
        "no server's main configuration file is in this folder"
    ]
    assert len(found.findings) == 1


def test_a_file_that_its_reader_does_not_know_is_no_server_of_it(tmp_path: Path) -> None:
    text = "[Definition]\nfailregex = ^x\n[INCLUDES]\nbefore = common.conf\n"
    found = audited(tmp_path, {"filter.d/vsftpd.conf": text}, "filter.d/vsftpd.conf")
    assert said(found, "walk/config-unknown-kind") == ["no server we know writes its configuration like this"]
    assert len(found.findings) == 1


def test_a_part_of_dovecot_is_dovecot(tmp_path: Path) -> None:
    text = "service imap-login {\n  inet_listener imaps {\n    port = 993\n    ssl = yes\n  }\n  group = mail\n}\n"
    found = audited(tmp_path, {"10-master.conf": text}, "10-master.conf")
    assert [one.id.rpartition("/")[2] for one in found.subjects] == ["10-master.conf"]


SILENT = {
    "haproxy as Debian ships it": (
        "haproxy.cfg",
        "global\n  ssl-default-bind-ciphers HIGH\nfrontend web\n  bind :80\n",
    ),
    "proftpd that has it switched off": (
        "proftpd.conf",
        "ServerName a\nPort 21\nTLSEngine off\nTLSProtocol SSLv23\n",
    ),
    "lighttpd without a socket for it": (
        "lighttpd.conf",
        'server.port = 80\nssl.cipher-list = "HIGH"\n',
    ),
}


@pytest.mark.parametrize("case", sorted(SILENT))
def test_a_server_that_sets_up_tls_and_does_not_speak_it_offers_nothing(tmp_path: Path, case: str) -> None:
    name, text = SILENT[case]
    found = audited(tmp_path, {name: text}, name)
    assert [(one.examined, one.offer) for one in found.subjects] == [(Examined.NONE, None)]
    (why,) = said(found, "walk/config-empty")
    assert why.startswith("it sets up TLS, and ")


def test_coturn_speaks_tls_on_its_plain_port_too(tmp_path: Path) -> None:
    text = "cert = /a.pem\npkey = /a.pem\nlistening-port = 3479\n"
    named = [
        one.id.rpartition("#")[2]
        for one in audited(tmp_path, {"turnserver.conf": text}, "turnserver.conf").subjects
    ]
    assert named == ["turn:5349", "turn:3479"]
    (tmp_path / "turnserver.conf").write_text(f"{text}no-tcp\n")
    assert len(audited(tmp_path, {}, "turnserver.conf").subjects) == 1
