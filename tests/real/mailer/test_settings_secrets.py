"""A secret under any key of the settings is printed by no verb, in no format, as whatever type it stands there."""

from __future__ import annotations

import contextlib
import io
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from hardening.cli import run
from hardening.mailer.settings import RELAY_KEYS
from hardening.mailer.showing import hidden, looks_secret
from tests.support.mailer.fake_m365 import toml

SECRETS = {
    "entra": "S3cr~t.current-00000000000000000000000000",
    "letters and digits": "Zq8Q7xY1kLm0pRs3tUv5wXy7zAb9cDe1fGh2iJk4",
    "hexadecimal": "9f86d081884c7d659a2feaa0c55ad015",
    "words": "canary-7-do-not-print",
    "digits": "73194630825164",
    "base64": "q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQ+/8=",
}
PLAIN: dict[str, Any] = {
    "tenant": "example.com", "client_id": "11111111-2222-4333-8444-555555555555", "mailbox": "alarms@example.com", "from": "alarms@example.com",
    "service_principal": "", "application": "", "server_version": "EXCHANGE_2016", "transports": ["graph", "smtp"], "cloud": "public",
    "permission": "auto", "recipients": ["ops@example.com"], "timeout": 1, "save_to_sent_items": False, "ca_file": "ca.pem",
    "credential": {"secret_file": "mailer.secret"}, "proxy": {"url": "http://127.0.0.1:1", "smtp": True},
    "calendars": {"mailboxes": ["rooms@example.com"], "via": "graph"}, "limits": {"per_minute": 30, "recipients_per_day": 9, "connections": 3},
    "endpoints": {}, "relay": {},
}  # fmt: skip
KEYS = [
    *(key for key, value in PLAIN.items() if not isinstance(value, dict)),
    *(f"{table}.{key}" for table in ("credential", "next_credential") for key in ("secret", "secret_file", "certificate_file", "key_file", "expires", "key_id")),
    *(f"endpoints.{key}" for key in ("authority", "smtp", "graph", "outlook")),
    *(f"limits.{key}" for key in ("per_minute", "recipients_per_day", "connections")),
    "proxy.url", "proxy.smtp", "calendars.mailboxes", "calendars.via",
    *(f"relay.{key}" for key in RELAY_KEYS),
    "client_secret", "secret", "password", "unknown", "credential", "proxy", "relay", "endpoints", "calendars", "limits",
    *(f"{table}.unknown" for table in ("credential", "proxy", "relay", "endpoints", "calendars", "limits")), "deep.er.still",
]  # fmt: skip
FORMATS = ("text", "json", "sarif", "html", "junit", "github", "markdown")
VERBS = (
    *(("guide", "--format", form) for form in ("text", "markdown", "html")), ("guide", "--script"), ("guide", "--release-notes"),
    *(("check", "--format", form) for form in FORMATS), ("doctor", "-vv"), ("doctor", "--send", "--format", "json"),
    ("send", "--subject", "s", "--text", "t", "-v"), ("rotate", "--dry-run"), ("rotate", "--retire"), ("rotate", "--certificate"),
    ("render", "relay", "-o", "out"), ("render", "relay", "--credentials", "-o", "out"), ("render", "native", "-o", "out"),
)  # fmt: skip
FEW = (("check",), ("guide",), ("send", "--subject", "s", "--text", "t"))


def document(key: str, value: Any) -> str:
    """Return settings with this value under this key."""
    rows = {name: dict(one) if isinstance(one, dict) else one for name, one in PLAIN.items()}
    *tables, last = key.split(".")
    place = rows
    for table in tables:
        place = place.setdefault(table, {})
    place[last] = value
    if key.startswith("credential.") and last != "secret_file":
        if last in ("secret", "certificate_file"):
            place.pop("secret_file")
        if last == "certificate_file":
            place["key_file"] = "mailer.key"
    if tables[:1] == ["next_credential"] and "secret" not in last and last != "certificate_file":
        place["secret_file"] = "mailer.secret"
    return written(rows)


def written(rows: dict[str, Any], name: str = "") -> str:
    top = "".join(f"{key} = {toml_of(value)}\n" for key, value in rows.items() if not isinstance(value, dict))
    head = f"[{name}]\n" if name else ""
    below = "".join(
        written(value, f"{name}.{key}".lstrip(".")) for key, value in rows.items() if isinstance(value, dict)
    )
    return head + top + below


def toml_of(value: Any) -> str:
    return (
        "[" + ", ".join(toml_of(one) for one in value) + "]" if isinstance(value, list) else str(toml(value))
    )


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HARDEN_TRACEBACK", "1")
    for name in ("mailer.secret", "mailer.key"):
        Path(name).write_text("v~abcdefghijklmnop8")
        Path(name).chmod(0o600)
    Path("ca.pem").write_text("-----BEGIN CERTIFICATE-----\n")


def said(*verb: str) -> str:
    """Return everything that a verb prints."""
    raw = io.BytesIO()
    out = io.TextIOWrapper(raw, encoding="utf-8", write_through=True)
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
        code = run(["mailer", *verb])
    text = raw.getvalue().decode()
    assert "internal error" not in text, text
    assert code != 1, text
    return text


def leaks(secret: str, verbs: tuple[tuple[str, ...], ...]) -> list[str]:
    """Return the verbs that print the secret, or more than a quarter of it."""
    part = secret[len(secret) // 4 : len(secret) // 2 + 2].lower()
    return [
        f"{' '.join(verb)}: {text}"
        for verb in verbs
        for text in [said(*verb).lower()]
        if secret.lower() in text or part in text
    ]


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("kind", sorted(SECRETS))
@pytest.mark.parametrize("key", KEYS)
def test_a_secret_under_any_key_is_not_printed(key: str, kind: str) -> None:
    secret = SECRETS[kind]
    Path("mailer.toml").write_text(document(key, secret))
    assert leaks(secret, VERBS if kind in ("entra", "words") else FEW) == []


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("key", KEYS)
def test_a_secret_of_another_type_is_not_printed(key: str) -> None:
    secret = SECRETS["entra"]
    for value in (
        [secret],
        [[secret]],
        {"x": secret},
        {secret.replace("~", "_").replace(".", "_"): 1},
        7319463082516,
    ):
        Path("mailer.toml").write_text(document(key, value))
        for one in (secret, "7319463082516", secret.replace("~", "_").replace(".", "_")):
            assert leaks(one, FEW) == []


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    "key",
    [
        "spool",
        "status_file",
        "alarm_file",
        "listen",
        "syslog",
        "snmp_trap",
        "webhook",
        "priority",
        "transport_tls",
    ],
)
def test_the_relay_prints_no_secret(key: str) -> None:
    for secret in SECRETS.values():
        value = [secret] if key == "priority" else secret
        Path("mailer.toml").write_text(document(f"relay.{key}", value))
        done = subprocess.run(
            [sys.executable, "-m", "hardening", "mailer", "relay", "--status"], capture_output=True, text=True, check=False, timeout=60,
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])},
        )  # fmt: skip
        assert done.returncode != 0
        assert secret.lower() not in (done.stdout + done.stderr).lower()


@pytest.mark.usefixtures("folder")
def test_a_secret_in_place_of_its_file_is_named() -> None:
    Path("mailer.toml").write_text(document("credential.secret_file", SECRETS["entra"]))
    text = said("check")
    shown = " ".join(text.split())  # lines are broken at the width
    assert (
        "credential.secret_file [secret]: this is the secret itself, not a file; treat it as exposed" in shown
    )
    assert "make a new secret" in text
    Path("mailer.toml").write_text(document("credential.secret_file", "missing.secret"))
    assert "missing.secret: No such file or directory" in said("check")


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("key", ["client_secret", "secret", "password"])
def test_a_secret_at_top_level_is_led_to_a_file(key: str) -> None:
    Path("mailer.toml").write_text(document(key, SECRETS["entra"]))
    text = said("check")
    assert "client_id" not in text
    assert "secret_file = 'mailer.secret'" in text


@pytest.mark.usefixtures("folder")
def test_every_missing_key_is_named_at_once() -> None:
    Path("mailer.toml").write_text("")
    text = said("check")
    assert "missing: tenant, client_id, mailbox, credential" in text
    assert text.count("next:") == 1


@pytest.mark.usefixtures("folder")
def test_the_guide_begins_without_a_file() -> None:
    text = said("guide")
    assert "az ad sp create --id CLIENT-ID " in text
    assert 'client_id = "CLIENT-ID"' in text
    assert "harden mailer guide shows how to begin" in said("guide", "--script")
    assert "No such file" in said("guide", "-c", "other.toml")
    Path("mailer.toml").write_text(document("client_id", ""))
    assert "az ad sp create --id CLIENT-ID " in said("guide")
    assert "is not a GUID" in said("guide", "--script")


@pytest.mark.parametrize("kind", ["entra", "letters and digits", "hexadecimal", "base64"])
def test_a_generated_secret_is_recognised(kind: str) -> None:
    assert looks_secret(SECRETS[kind])


@pytest.mark.parametrize(
    "text",
    ["mailer.secret", "/var/spool/aspect-mail-relay", "EXCHANGE_2016", "smtp.office365.com:587", "alarms@example.com",
     "11111111-2222-4333-8444-555555555555", "contoso.onmicrosoft.com", "mailer-2026-12-01.crt", "SiteServer01.Contoso.local", ""],
)  # fmt: skip
def test_names_are_no_secrets(tmp_path: Path, text: str) -> None:
    assert not looks_secret(text)
    assert list(hidden({"tenant": text}, tmp_path)) == []
