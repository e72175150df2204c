"""The whole `/etc` of a host: every server at its usual place, and each told by itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from hardening.findings import Examined
from hardening.tls import policy
from hardening.tls.auditing import audit
from hardening.tls.auditing.shared import Audited

NGINX = "events {}\nhttp { server { listen 443 ssl; server_name a; ssl_protocols TLSv1.2; } }\n"
LIGHTTPD = 'server.port = 80\ninclude_shell "/usr/share/lighttpd/use-ipv6.pl"\n'
TOMCAT = '<Server><Service name="Catalina"><Connector port="8443" SSLEnabled="true"/></Service></Server>\n'


def audited(etc: Path, files: dict[str, str]) -> Audited:
    """Audit these files below an `etc`."""
    for name, text in files.items():
        (etc / name).parent.mkdir(parents=True, exist_ok=True)
        (etc / name).write_text(text)
    return audit.audit([etc], [policy.load("aspect")])


def test_what_one_server_could_not_be_read_of_is_said_of_that_server_alone(tmp_path: Path) -> None:
    etc = tmp_path / "etc"
    found = audited(etc, {"lighttpd/lighttpd.conf": LIGHTTPD, "nginx/nginx.conf": NGINX})
    examined = {s.id.removeprefix(f"{etc}/"): s.examined for s in found.subjects}
    assert examined == {
        "lighttpd/lighttpd.conf": Examined.NONE,
        "nginx/nginx.conf#a:443": Examined.FULL,
    }
    said = [f.subject for f in found.findings if f.rule.id == "walk/config-missing-include"]
    assert said == [f"{etc}/lighttpd/lighttpd.conf"]


def test_a_file_that_two_servers_include_and_nobody_may_read_is_said_of_both(tmp_path: Path) -> None:
    etc = tmp_path / "etc"
    found = audited(
        etc,
        {
            "stunnel/a.conf": "include = /etc/stunnel/shared.inc\n[a]\naccept = 1\nconnect = 2\ncert = /x\n",
            "stunnel/b.conf": "include = /etc/stunnel/shared.inc\n[b]\naccept = 3\nconnect = 4\ncert = /x\n",
            "stunnel/shared.inc/no-text": "\x00",
        },
    )
    assert {s.examined for s in found.subjects} == {Examined.PARTIAL}
    assert len({f.subject for f in found.findings if f.rule.id.startswith("walk/config-")}) == 2


@pytest.mark.parametrize(
    ("place", "text"),
    [
        ("tomcat10/server.xml", TOMCAT),
        ("tomcat/server.xml", TOMCAT),
        ("postgresql/15/main/postgresql.conf", "ssl = on\nssl_ciphers = 'HIGH'\n"),
        ("stunnel/alarms.conf", "[alarms]\naccept = 465\nconnect = 25\ncert = /x.pem\n"),
    ],
)
def test_a_server_is_found_where_its_distribution_puts_it(place: str, text: str, tmp_path: Path) -> None:
    etc = tmp_path / "etc"
    found = audited(etc, {"nginx/nginx.conf": NGINX, place: text})
    assert any(s.id.startswith(f"{etc}/{place}") and s.offer for s in found.subjects)


@pytest.mark.parametrize(("place", "alone"), [("nginx.conf", False), ("sites-enabled/site", True)])
def test_a_file_that_others_include_is_not_taken_for_the_whole_without_a_word(
    place: str, alone: bool, tmp_path: Path
) -> None:
    file = tmp_path / place
    file.parent.mkdir(exist_ok=True)
    file.write_text("server {\n  listen 443 ssl;\n  server_name a;\n  ssl_ciphers ECDHE+AESGCM;\n}\n")
    found = audit.audit([file], [policy.load("aspect")])
    offer = found.subjects[0].offer
    assert offer is not None
    assert ("site is all there is, for no file that includes it was read" in offer["assumptions"]) == alone
