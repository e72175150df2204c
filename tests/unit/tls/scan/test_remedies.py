"""The command that mends what a scan found names a server that it is for."""

from __future__ import annotations

import re

import pytest

from hardening.cli.tls_render import command
from hardening.findings import Finding, OnWire, Rule, Severity
from hardening.tls.judging import rules
from hardening.tls.scan.endpoint import parse
from hardening.tls.scan.report import remedies
from hardening.tls.targets import find


def found(rule: Rule = rules.SUITE, **more: object) -> Finding:
    said = {"subject": "a", "location": OnWire("a"), "message": "m", "policies": ("aspect", "bsi")} | more
    return Finding(rule=rule, **said)  # type: ignore[arg-type]  # what a test changes


def action(endpoint: str, header: str = "", one: Finding | None = None) -> str:
    (made,) = remedies.with_command([one or found()], parse(endpoint), header)
    return made.fix.action if made.fix else ""


@pytest.mark.parametrize(
    ("endpoint", "header", "server"),
    [
        ("a:443", "nginx/1.20.1", "nginx"),
        ("a:443", "Apache/2.4.6 (CentOS) OpenSSL/1.0.2k-fips", "httpd"),
        ("a:8443", "Apache-Coyote/1.1", "tomcat"),
        ("a:443", "Jetty(9.4.z-SNAPSHOT)", "jetty"),
        ("imap://a", "", "dovecot"),
        ("a:993", "", "dovecot"),
        ("ldaps://a", "", "slapd"),
        ("postgres://a", "", "postgresql"),
        ("ssh://a", "", "openssh"),
    ],
)
def test_a_known_server_is_named(endpoint: str, header: str, server: str) -> None:
    assert (
        action(endpoint, header)
        == f"run `harden tls render {server} --policy aspect`: it writes the settings"
    )


@pytest.mark.parametrize(
    ("endpoint", "header", "servers"),
    [
        ("a:443", "", ["nginx", "httpd", "haproxy", "lighttpd", "tomcat", "jetty"]),
        (
            "https://a:9000",
            "Microsoft-IIS/10.0",
            ["nginx", "httpd", "haproxy", "lighttpd", "tomcat", "jetty"],
        ),
        ("smtp://a", "", ["postfix", "exim"]),
        ("a:465", "", ["postfix", "exim"]),
        ("mysql://a", "", ["mariadb", "mysql"]),
    ],
)
def test_the_choice_is_named_where_nothing_says_which(endpoint: str, header: str, servers: list[str]) -> None:
    first, *others = servers
    text = action(endpoint, header)
    assert text == (
        f"run `harden tls render {first} --policy aspect` (or {', '.join(others)} for {first}): it writes the settings"
    )


@pytest.mark.parametrize(
    "one",
    [
        found(rules.CERTIFICATE_EXPIRED),
        found(severity=Severity.INFO),
        found(policies=()),
    ],
)
def test_what_no_setting_mends_has_no_command(one: Finding) -> None:
    assert action("a:443", one=one) == ""


def test_where_nothing_says_what_runs_there_the_list_is_named() -> None:
    assert action("a:47808") == (
        "run `harden tls render SERVER --policy aspect` for the server that runs there (`harden tls targets` lists them): "
        "it writes the settings"
    )


def test_every_command_is_one_that_runs() -> None:
    from click.testing import CliRunner

    named = {*remedies._HEADERS.values(), *(name for row in remedies._SPEAKING.values() for name in row)}
    for name in sorted(named):
        assert find(name).name == name
    text = re.search(r"`harden tls render ([^`]+)`", action("a:443"))
    assert text
    done = CliRunner().invoke(command, text[1].split())
    assert done.exit_code == 0, done.output
    assert "ssl_protocols" in done.output
