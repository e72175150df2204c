"""One offer per server name and port: several names, wildcards, several ports and addresses, and one report for all."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hardening.cli import run
from hardening.findings import Run, in_file
from hardening.tls import policy as policies
from hardening.tls.auditing import audit as audits
from hardening.tls.auditing import mains
from hardening.tls.auditing.shared import Audited
from hardening.tls.targets import find

NGINX = """http {
    ssl_ciphers AES128-SHA;
    server {
        listen 443 ssl default_server;
        listen 8443 ssl;
        listen [::]:443 ssl;
        server_name a.example b.example *.c.example .d.example;
        server_name ~^www\\d+\\.e\\.example$ "";
    }
    server { listen 443 ssl; server_name f.example; }
    server { listen 443 ssl; server_name g.example; ssl_ciphers ECDHE-RSA-AES128-GCM-SHA256; }
}
"""


def _audit(path: Path, target: str, version: str | None = None) -> Audited:
    asked = mains.AuditInput(target=find(target), version=version or find(target).facts.default)
    return audits.audit([path], [policies.load("aspect")], asked)


def _names(found: Audited) -> set[str]:
    return {s.id.rpartition("#")[2] for s in found.subjects}


def _write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_every_name_and_port_of_nginx_is_a_subject(tmp_path: Path) -> None:
    found = _audit(_write(tmp_path / "nginx.conf", NGINX), "nginx")
    first = (
        "a.example",
        "b.example",
        "*.c.example",
        "d.example",
        "*.d.example",
        r"~^www\d+\.e\.example$",
        "_",
    )
    assert _names(found) == {
        *(f"{name}:{port}" for name in first for port in ("443", "8443")),
        "f.example:443",
        "g.example:443",
    }


def test_what_several_names_share_is_one_finding_that_names_them_all(tmp_path: Path) -> None:
    found = _audit(_write(tmp_path / "nginx.conf", NGINX), "nginx")
    (weak,) = [f for f in found.findings if f.evidence == "TLS_RSA_WITH_AES_128_CBC_SHA"]
    told = {name.rpartition("#")[2] for name in (weak.subject, *weak.also)}
    assert told == _names(found) - {"g.example:443"}
    assert {s.policies["aspect"] for s in found.subjects if not s.id.endswith("g.example:443")} == {"fail"}
    assert len({(r.subject, r.rule.id) for r in found.results}) == len(found.results)
    assert {r.subject for r in found.results} == {s.id for s in found.subjects}


def test_forty_aliases_are_told_in_a_few_lines(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    names = " ".join(f"n{i}.example" for i in range(41))
    text = f"server {{ listen 443 ssl; server_name {names}; ssl_ciphers AES128-SHA:AES256-SHA; }}\n"
    path = _write(tmp_path / "nginx.conf", text)
    lines = {}
    for form in ("text", "markdown", "junit", "html"):
        run(["tls", "audit", str(path), "--target", "nginx@1.20.1-el7", "--format", form])
        lines[form] = capfd.readouterr().out
    assert "41 files" in lines["text"]
    assert len(lines["text"].splitlines()) < 24
    run(["tls", "audit", str(path), "--target", "nginx@1.20.1-el7", "-v"])
    whole = capfd.readouterr().out
    assert "and all the same: " in whole
    assert "and 35 more" in whole
    assert whole.count("TLS_RSA_WITH_AES_128_CBC_SHA is offered") < 5  # not once a name
    assert lines["markdown"].count("| fail |") == 1
    assert lines["junit"].count("<testsuite ") == 1
    assert 'value="' in lines["junit"]
    assert lines["html"].count('<th scope="row">') == 1


def test_the_json_report_has_every_subject_whole(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = _write(
        tmp_path / "nginx.conf", "server { listen 443 ssl; server_name a b; ssl_ciphers AES128-SHA; }\n"
    )
    run(["tls", "audit", str(path), "--target", "nginx@1.20.1-el7", "--format", "json"])
    said = json.loads(capfd.readouterr().out)
    first, second = said["subjects"]
    assert second["same_as"] == first["id"]
    assert second["offer"] == first["offer"]
    assert {tuple(f["also"]) for f in said["findings"]} == {(second["id"],)}
    assert {r["subject"] for r in said["results"]} == {first["id"], second["id"]}


def test_a_waiver_of_the_one_finding_waives_the_results_of_every_name(tmp_path: Path) -> None:
    from datetime import UTC, date, datetime

    from hardening import waivers

    found = _audit(_write(tmp_path / "nginx.conf", NGINX), "nginx")
    when = datetime(2026, 1, 1, tzinfo=UTC)
    whole = Run.of(found.subjects, found.findings, found.results, started=when)
    given = [
        waivers.Waiver(rule=rule, place="*", reason="r", owner="o", expires=date(2099, 1, 1), source="w.toml")
        for rule in {f.rule.id for f in found.findings}
    ]
    after = waivers.apply(whole, given, today=date(2026, 1, 1))
    failed = {r.subject for r in whole.results if r.verdict == "fail"}
    assert len(failed) > 2
    assert failed == {r.subject for r in after.results if r.verdict == "waived"}


HTTPD = """Listen 443
Listen 8443
SSLCipherSuite AES128-SHA
<VirtualHost *:443 [::]:443>
    ServerName https://www.example:443
    ServerAlias example *.example
    ServerAlias "old.example" ex?mple
    SSLEngine on
</VirtualHost>
<VirtualHost *>
    ServerName any.example
    SSLEngine on
</VirtualHost>
"""


def test_every_server_alias_of_httpd_is_a_subject_and_an_address_without_a_port_means_all(
    tmp_path: Path,
) -> None:
    found = _audit(_write(tmp_path / "httpd.conf", HTTPD), "httpd")
    names = ("www.example", "example", "*.example", "old.example", "ex?mple")
    assert _names(found) == {
        *(f"{n}:443" for n in names),
        "any.example:443",
        "any.example:8443",
    }
    (weak,) = [f for f in found.findings if f.evidence == "TLS_RSA_WITH_AES_128_CBC_SHA"]
    assert len(weak.also) == len(found.subjects) - 1


CASES = {
    "lighttpd": (
        ('$SERVER["socket"] == ":443" {\n ssl.engine = "enable"\n ssl.cipher-list = "AES128-SHA"\n'
        ' $HTTP["host"] == "a.example" { server.document-root = "/a" }\n}\n'
        '$HTTP["host"] =~ "(^|\\.)b\\.example$" { ssl.pemfile = "/b.pem" }\n'
        '$HTTP["host"] != "c.example" { server.document-root = "/c" }\n'),
        {"_:443", "a.example:443", r"(^|\.)b\.example$:443"},
    ),
    "haproxy": (
        "frontend www\n    bind :443,[::]:8443 ssl crt /a.pem crt-list list.txt\n",
        {"www:443", "www:8443", "a.example:443", "a.example:8443", "*.b.example:443", "*.b.example:8443",
         "old.example:443", "old.example:8443"},
    ),
    "exim": (
        "tls_certificate = /a.pem\ndaemon_smtp_ports = 25 : 465 : submission\n",
        {"smtp:25", "smtp:465", "smtp:587"},
    ),
    "dovecot": (
        ("ssl = required\nprotocols = imap pop3\nssl_cipher_list = AES128-SHA\n"
        "service imap-login {\n  inet_listener imaps {\n    port = 9993\n  }\n  inet_listener imap {\n    port = 0\n  }\n}\n"
        "local_name a.example b.example {\n  ssl_cipher_list = AES256-SHA\n}\n"),
        {f"{n}:{p}" for n in ("dovecot", "a.example", "b.example") for p in ("9993", "995", "110")},
    ),
    "proftpd": (
        ("<VirtualHost 192.0.2.1 ftp.example>\n  Port 990\n  ServerAlias files.example, f.example\n"
        "  TLSEngine on\n  TLSProtocol TLSv1.2\n</VirtualHost>\n"),
        {"192.0.2.1:990", "ftp.example:990", "files.example:990", "f.example:990"},
    ),
    "stunnel": (
        ("sslVersionMin = TLSv1.2\n[virtual]\naccept = 0.0.0.0:443\nconnect = 80\ncert = /a.pem\n"
        "[one]\nsni = virtual:a.example\nsni = virtual:*.b.example\nconnect = 81\nciphers = AES128-SHA\n"),
        {"virtual:443", "a.example:443", "*.b.example:443"},
    ),
    "coturn": (
        "cert=/a.pem\npkey=/a.key\ntls-listening-port=5349\nalt-tls-listening-port=443\n",
        {"turn:5349", "turn:443", "turn:3478"},
    ),
}  # fmt: skip


@pytest.mark.parametrize("target", CASES)
def test_every_name_and_port_of_the_others_is_a_subject(tmp_path: Path, target: str) -> None:
    text, expected = CASES[target]
    _write(
        tmp_path / "list.txt",
        "# certificates\n/a.pem a.example !x.example\n/b.pem *.b.example\n/c.pem [ciphers AES128-SHA] old.example\n",
    )
    assert _names(_audit(_write(tmp_path / "a.conf", text), target)) == expected


def test_names_with_certificates_of_their_own_are_subjects_of_postfix(tmp_path: Path) -> None:
    path = _write(
        tmp_path / "main.cf",
        f"smtpd_tls_security_level = may\ntls_server_sni_maps = hash:{tmp_path}/sni\n",
    )
    _write(tmp_path / "master.cf", "smtp inet n - n - - smtpd\n465 inet n - n - - smtpd\n")
    _write(tmp_path / "sni", "# name  key, chain\nmail.example /k.key, /c.pem\n.example /k.key /d.pem\n")
    assert _names(_audit(path, "postfix")) == {
        f"{name}:{port}" for name in ("smtpd", "mail.example", "*.example") for port in ("smtp", "465")
    }


def test_two_servers_of_one_name_keep_their_places(tmp_path: Path) -> None:
    one = "server { listen 443 ssl; server_name a b; ssl_ciphers %s; }\n"
    path = _write(tmp_path / "nginx.conf", one % "AES128-SHA" + one % "AES256-SHA")
    assert _names(_audit(path, "nginx")) == {
        "a:443", "b:443", "a:443 (nginx.conf:2)", "b:443 (nginx.conf:2)",
    }  # fmt: skip


def test_one_socket_of_nginx_is_written_in_several_ways(tmp_path: Path) -> None:
    text = (
        "server { listen *:443 ssl; server_name a; }\nserver { listen 443; server_name b; }\n"
        "server { listen 0.0.0.0:443; server_name c; }\nserver { listen 80; server_name d; }\n"
    )
    assert _names(_audit(_write(tmp_path / "nginx.conf", text), "nginx")) == {"a:443", "b:443", "c:443"}


def test_words_of_haproxy_are_quoted_and_have_variables(tmp_path: Path) -> None:
    _write(tmp_path / "list.txt", "/a.pem a.example\n")
    text = (
        "global\n    presetenv LISTED AES128-SHA\nfrontend www\n"
        '    bind "127.0.0.1:${PORT-8443}" ssl crt \'/a b.pem\' ciphers "$LISTED" # ssl\n'
        "    bind :9000-9002 ssl crt /a.pem\n"
        "    bind :9443 ssl crt-list list.txt strict-sni\n"
        '    bind :9444 ssl crt /a.pem ciphers "${UNKNOWN}"\n'
    )
    path = _write(tmp_path / "haproxy.cfg", text)
    found = _audit(path, "haproxy")
    assert _names(found) == {"www:8443", "www:9000", "www:9001", "www:9002", "a.example:9443", "www:9444"}
    (one,) = [s for s in found.subjects if s.id.endswith(":8443")]
    assert one.offer is not None
    assert one.offer["protocols"]["TLSv1.2"]["suites"] == ["TLS_RSA_WITH_AES_128_CBC_SHA"]
    doubts = [f for f in found.findings if f.rule.id == "walk/config-conditional"]
    assert [f.location for f in doubts] == [in_file(str(path), 7)]


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_byte_order_mark_is_said_and_the_rest_is_read(tmp_path: Path, end: str) -> None:
    lines = ["server {", "  listen 443 ssl;", "  ssl_protocols TLSv1;", "}", ""]
    path = tmp_path / "nginx.conf"
    path.write_bytes(b"\xef\xbb\xbf" + end.join(lines).encode())
    found = _audit(path, "nginx", "1.20.1-el7")
    assert _names(found) == {"_:443"}
    assert [f.location for f in found.findings if f.rule.id == "walk/config-syntax"] == [
        in_file(str(path), 1)
    ]
    assert [f.location for f in found.findings if f.rule.id == "tls/protocol"] == [in_file(str(path), 3)]


def test_remarks_in_master_cf_are_no_services_and_end_none(tmp_path: Path) -> None:
    path = _write(tmp_path / "main.cf", "smtpd_tls_security_level = may\nsmtpd_tls_protocols = >=TLSv1.2\n")
    _write(
        tmp_path / "master.cf",
        "smtp inet n - n - - smtpd -o smtpd_tls_exclude_ciphers=\n"
        "#submission inet n - n - - smtpd\n#  -o smtpd_tls_protocols=SSLv3\n"
        "465 inet n - n - - smtpd\n  -o { smtpd_tls_mandatory_protocols = >=TLSv1.3, <=TLSv1.3 }\n  # remark\n\n"
        "  -o smtpd_tls_security_level=encrypt\npickup unix n - n - 1 pickup\n",
    )
    found = _audit(path, "postfix")
    assert _names(found) == {"smtpd:smtp", "smtpd:465"}
    offers = {s.id.rpartition(":")[2]: set((s.offer or {})["protocols"]) for s in found.subjects}
    assert offers == {"smtp": {"TLSv1.2", "TLSv1.3"}, "465": {"TLSv1.3"}}


def test_settings_in_a_block_for_the_server_are_those_of_dovecot_2_4(tmp_path: Path) -> None:
    text = (
        "protocols = imap pop3\nssl = required\nssl_server {\n  prefer_ciphers = server\n}\n"
        "protocol imap {\n  ssl_server {\n    prefer_ciphers = client\n  }\n}\n"
    )
    found = _audit(_write(tmp_path / "dovecot.conf", text), "dovecot")
    sides = {
        s.id.rpartition("#")[2]: (s.offer or {})["protocols"]["TLSv1.2"]["preference"] for s in found.subjects
    }
    assert {name for name, side in sides.items() if side == "server"} == {"dovecot:995", "dovecot:110"}
    assert {name for name, side in sides.items() if side == "client"} == {"imap:993", "imap:143"}


def test_every_port_of_sshd_is_a_subject(tmp_path: Path) -> None:
    path = _write(tmp_path / "sshd_config", "Port 22\nPort 2222\nCiphers aes256-ctr\n")
    assert _names(_audit(path, "openssh")) == {"sshd:22", "sshd:2222"}


@pytest.mark.parametrize(
    ("target", "text"),
    [
        ("squid", "https_port 443 \\\n  tls-cert=/a.pem \\\n  cipher=AES128-SHA:\\\n  AES256-SHA\n"),
        ("dovecot", "ssl = yes\nssl_cipher_list = AES128-SHA:\\\n  AES256-SHA\n"),
        (
            "proftpd",
            "TLSEngine on\nTLSProtocol \\\n  TLSv1.2\nTLSCipher\\\nSuite\\\n AES128-SHA:\\\nAES256-SHA\n",
        ),
        (
            "openssl_cnf",
            "openssl_conf = a\n[a]\nssl_conf = b\n[b]\nsystem_default = c\n[c]\nCipherString = AES128-SHA:\\\n  AES256-SHA\n",
        ),
    ],
)
def test_a_backslash_lets_a_line_go_on_where_the_server_does(tmp_path: Path, target: str, text: str) -> None:
    (one, *_) = _audit(_write(tmp_path / "a.conf", text), target).subjects
    assert one.offer is not None
    suites = one.offer["protocols"]["TLSv1.2"]["suites"]
    assert suites == ["TLS_RSA_WITH_AES_128_CBC_SHA", "TLS_RSA_WITH_AES_256_CBC_SHA"]


@pytest.mark.parametrize("include", ["conf.d/*.conf", "conf.d/tls.conf", "{here}/conf.d/t?s.conf"])
def test_brackets_of_the_folder_are_no_pattern(include: str, tmp_path: Path) -> None:
    """What lies in `build [7]` was found by no include with an asterisk, and the audit said nothing of it."""
    folder = tmp_path / "build [7]"
    (folder / "conf.d").mkdir(parents=True)
    (folder / "conf.d/tls.conf").write_text("server { listen 443 ssl; server_name a.example; }\n")
    (folder / "nginx.conf").write_text(f'http {{ include "{include.format(here=folder)}"; }}\n')
    assert _names(_audit(folder, "nginx")) == {"a.example:443"}
