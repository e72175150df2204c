"""Which ports a configuration names and which rules a sudoers file has, each once, and nothing of what is no such file."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from bundle.compare.exposure import listening, sudo_rules
from bundle.walk.member import Member

TOMCAT = b'<Server port="8005" shutdown="x">\n<Connector protocol="HTTP/1.1"\n port="8080"/>\n</Server>\n'


def a_file(name: str, content: bytes) -> Member:
    return Member(parts=("u.zip", name), kind="file", size=len(content), content=content)


@pytest.mark.parametrize(
    ("name", "content", "found"),
    [
        ("httpd/ssl.conf", b"# Listen 80\nListen 443 https\n", [(443, "Listen")]),
        ("httpd/ssl.conf", b"Listen [::1]:8443\nListen 10.0.0.1:8080\n", [(8443, "Listen"), (8080, "Listen")]),
        ("nginx/sites-enabled/web", b"  listen 8081;\n", [(8081, "listen")]),
        ("nginx/sites-enabled/web", b"  listen 443 ssl;\n  listen *:443 ssl;\n", [(443, "listen")]),
        ("lighttpd.conf", b"server.port = 81\n", [(81, "server.port")]),
        ("lighttpd.conf", b'$SERVER["socket"] == "[::]:444" {\n', [(444, '$SERVER["socket"]')]),
        ("conf/server.xml", TOMCAT, [(8005, "Connector"), (8080, "Connector")]),
        ("conf/my-server.xml", TOMCAT, []),
        ("ssh/sshd_config", b"#Port 21\nPort 22\n", [(22, "Port")]),
        ("lib/web.socket", b"[Socket]\nListenStream=8082\nListenStream=/run/web\n", [(8082, "ListenStream")]),
        ("app.properties", b"http.port=8083\r\nreport=9\nlisten_port: 9000\n", [(8083, "setting"), (9000, "setting")]),
        ("app.ini", b"port = 0\nmqtt_port = 65535\ndb-port = 65536\n", [(65535, "setting")]),
        ("app.ini", b"port = 1\nport = 70000\n", [(1, "setting")]),
        ("app.txt", b"port = 8084\n", []),
    ],
)  # fmt: skip
def test_a_configuration_names_its_ports(name: str, content: bytes, found: list[tuple[int, str]]) -> None:
    assert list(listening(a_file(name, content))) == found


@pytest.mark.parametrize(
    ("content", "rules"),
    [
        (b"# nothing\n\n#includes nothing\n", []),
        (b"#includedir  /etc/more\n@include x\n", ["#includedir /etc/more", "@include x"]),
        (b"#48 ALL=NOPASSWD: ALL\n# 48 is apache\n", ["#48 ALL=NOPASSWD: ALL"]),
        (b"web ALL=(ALL)  NOPASSWD:\t/bin/true\n", ["web ALL=(ALL) NOPASSWD: /bin/true"]),
        (b"web ALL= \\\n   /bin/true, \\\r\n /bin/false\n", ["web ALL= /bin/true, /bin/false"]),
        (b"Defaults x\n  # indented\nweb ALL=/a\n", ["Defaults x", "web ALL=/a"]),
        (b"web ALL=" + b"a" * 400, ["web ALL=" + "a" * 292]),
    ],
)
def test_a_sudoers_file_has_its_rules_each_on_one_line(content: bytes, rules: list[str]) -> None:
    assert list(sudo_rules(a_file("etc/sudoers.d/web", content))) == rules


@pytest.mark.parametrize(
    "unlike",
    [{"kind": "symlink"}, {"size": 0}, {"size": (1 << 20) + 1}],
    ids=lambda unlike: "-".join(map(str, *unlike.items())),
)
def test_what_is_no_file_of_a_settings_size_names_nothing(unlike: dict[str, Any]) -> None:
    settings = a_file("app.ini", b"port = 8085\n")
    sudoers = a_file("etc/sudoers", b"web ALL=/a\n")
    assert list(listening(replace(settings, size=1 << 20)))
    assert list(sudo_rules(replace(sudoers, size=1 << 20)))
    assert list(listening(replace(settings, **unlike))) == []
    assert list(sudo_rules(replace(sudoers, **unlike))) == []


@pytest.mark.parametrize("unlike", [{"container": True}, {"derived": "strings"}])
def test_an_archive_and_a_text_made_of_a_file_listen_on_nothing(unlike: dict[str, Any]) -> None:
    assert list(listening(replace(a_file("app.ini", b"port = 8085\n"), **unlike))) == []


@pytest.mark.parametrize("name", ["etc/sudoers.bak", "sudoers.d/a/b", "my-sudoers", "etc/sudoers.d"])
def test_a_file_that_sudo_does_not_read_has_no_rules(name: str) -> None:
    assert list(sudo_rules(a_file(name, b"web ALL=/a\n"))) == []
