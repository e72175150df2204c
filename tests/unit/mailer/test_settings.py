"""Settings that make no sense are refused in one line that names the key, by the control machine and by the relay."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

from hardening.cli import run
from hardening.mailer.install import relay_config
from hardening.mailer.settings import load
from tests.support.mailer.fixtures import Site

SENSELESS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("endpoints.smtp", {"endpoints": {"smtp": "127.0.0.1:abc"}}),
    ("endpoints.graph", {"endpoints": {"graph": "127.0.0.1:99999"}}),
    ("endpoints.smtp", {"endpoints": {"smtp": "[::1"}}),
    ("endpoints.authority", {"endpoints": {"authority": "https://login.microsoftonline.com"}}),
    ("timeout", {"timeout": 0}),
    ("timeout", {"timeout": -3}),
    ("relay.listen", {"relay": {"listen": "127.0.0.1:99999"}}),
    ("relay.digest_size", {"relay": {"digest_size": 0}}),
    ("relay.priority", {"relay": {"priority": ["("]}}),
    ("relay.priority", {"relay": {"priority": [3]}}),
    ("relay.listen", {"relay": {"listen": "0.0.0.0:25"}}),
    ("relay.listen", {"relay": {"listen": "[::]:25"}}),
    ("relay.allow_recipients", {"relay": {"allow_recipients": ["example.com"]}}),
    ("relay.transport_tls", {"relay": {"transport_tls": "wolf"}}),
    ("relay.webhook", {"relay": {"webhook": "ftp://127.0.0.1/"}}),
    ("relay.snmp_oid", {"relay": {"snmp_oid": "1.x.3"}}),
)


@pytest.mark.parametrize(
    ("key", "more"), SENSELESS, ids=[f"{key}-{n}" for n, (key, _) in enumerate(SENSELESS)]
)
def test_a_senseless_value_is_named(
    site: Site, capsys: pytest.CaptureFixture[str], key: str, more: dict[str, Any]
) -> None:
    site.write(**more)
    for verb in (["check"], ["doctor"], ["guide"], ["send", "--subject", "x", "--text", "y"]):
        assert run(["mailer", *verb, "-c", str(site.config)]) == 2
        first, hint, *rest = [*capsys.readouterr().err.splitlines(), "", ""]
        assert f"{key}: " in first
        assert hint == "" or hint.startswith("  next: ")
        assert not any(rest)


@pytest.mark.parametrize(
    "more", [{"recipients": ["ürsula@example.com"]}, {"credential": {"secret_file": "/"}}]
)
def test_what_cannot_be_used_is_a_finding(site: Site, more: dict[str, Any]) -> None:
    site.write(**more)
    assert run(["mailer", "doctor", "-c", str(site.config)]) == 10
    assert run(["mailer", "send", "-c", str(site.config), "--subject", "x", "--text", "y"]) == 2


@pytest.mark.parametrize(
    ("key", "value"),
    [("digest_size", 0), ("per_minute", "30"), ("listen", "127.0.0.1:99999"), ("priority", ["("]), ("priority", "x"), ("syslog", 3), ("proxy_smtp", 1), ("alarm_command", "wall")],
)  # fmt: skip
def test_the_relay_refuses_what_it_cannot_work_with(site: Site, key: str, value: object) -> None:
    place = site.folder / "relay.json"
    place.write_text(
        json.dumps({**relay_config(load(site.config)), "spool": str(site.folder / "spool"), key: value})
    )
    done = subprocess.run(
        [sys.executable, "-m", "hardening.onhost.relay", "serve", str(place)],
        capture_output=True,
        text=True,
        check=False,
        timeout=20,
    )
    assert done.returncode == 78, done.stderr
    assert key in done.stderr
    assert len(done.stderr.splitlines()) == 1, done.stderr
