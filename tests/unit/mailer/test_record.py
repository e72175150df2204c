"""The product's own mail settings, read from an SQLite database that nobody writes to."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from hardening import products
from hardening.cli import run
from hardening.errors import ExitCode
from hardening.mailer import record

CLASS = b"com.aamatrix.topology.services.notification.EmailNotificationServer"
SECRET = "INVENTED-kites-over-4711"
PUBLISHED: dict[str, Any] = {
    "host": "smtp.example.com", "smtpLocalhost": "example.com", "starttls": 1, "tlsVersions": "",
    "from": "alarms@example.com", "username": "alarms@example.com", "password": SECRET, "port": 587,
    "logDebugInfo": False, "authMode": 0, "enabled": 1, "serviceName": "EmailNotificationServer", "debugLevel": 0,
    "friendlyName": "Email Notification Service", "description": "",
}  # fmt: skip
"""The published form (ZSL-2024-5843) with invented values."""
GOOD = {**PUBLISHED, "password": "", "tlsVersions": "TLSv1.2 TLSv1.3"}


def database(path: Path, *records: dict[str, Any], wal: bool = False) -> Path:
    """Write records behind the class's name into one value, as the published listing shows them."""
    with closing(sqlite3.connect(path)) as base:
        if wal:
            base.execute("PRAGMA journal_mode=WAL")
        base.execute('CREATE TABLE IF NOT EXISTS "map ""data" (id INTEGER, body BLOB, note TEXT)')
        for one in records:
            body = len(CLASS).to_bytes(2) + CLASS + json.dumps(one).encode() + b"\0{" * 3
            base.execute('INSERT INTO "map ""data" VALUES (1, ?, \'{"a": 1}\')', (body,))
        base.commit()
    path.chmod(0o600)
    return path


def found(path: Path) -> dict[str, str]:
    made = record.examine(path, products.load("aspect"))
    return {one.rule.id.removeprefix("mailer/record-"): one.message for one in made.findings}


def test_the_published_record_is_found_whatever_stands_around_it(tmp_path: Path) -> None:
    path = database(tmp_path / "MyMapData.db", {"host": "not a mailer"}, PUBLISHED)
    (one,) = record.read(path)
    assert (one.place, dict(one.values)) == ('map "data.body, row 2', PUBLISHED)
    assert set(found(path)) == {"password", "tls-unset"}


@pytest.mark.parametrize(
    ("change", "rules"),
    [
        ({}, set()),
        ({"password": SECRET}, {"password"}),
        ({"starttls": 0}, {"cleartext"}),
        ({"starttls": 0, "port": 465}, set()),
        ({"starttls": "0"}, {"cleartext"}),
        ({"tlsVersions": ""}, {"tls-unset"}),
        ({"tlsVersions": None}, {"tls-unset"}),
        ({"tlsVersions": "TLSv1,TLSv1.2"}, {"tls-versions"}),
        ({"tlsVersions": "SSLv3 TLSv1.1"}, {"tls-versions"}),
        ({"tlsVersions": "TLSv1.2"}, set()),
        ({"tlsVersions": "3"}, {"form"}),
        ({"another": 1}, {"form"}),
    ],
)
def test_each_value_is_judged(tmp_path: Path, change: dict[str, Any], rules: set[str]) -> None:
    assert set(found(database(tmp_path / "a.db", {**GOOD, **change}))) == rules


def test_a_service_that_is_off_is_still_reported_and_its_password_still_counts(tmp_path: Path) -> None:
    made = record.examine(
        database(tmp_path / "a.db", {**PUBLISHED, "enabled": 0, "starttls": 0}), products.load("aspect")
    )
    assert {
        one.rule.id: (one.rule.severity if one.severity is None else one.severity).label
        for one in made.findings
    } == {
        "mailer/record-password": "high",
        "mailer/record-cleartext": "info",
        "mailer/record-tls-unset": "info",
    }


def test_a_database_that_every_account_can_read_is_reported(tmp_path: Path) -> None:
    path = database(tmp_path / "a.db", PUBLISHED)
    path.chmod(0o644)
    assert found(path)["readable"] == "mode 644"


@pytest.mark.parametrize("form", ["text", "json", "sarif", "html", "markdown"])
def test_no_report_shows_the_password(
    tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes], form: str
) -> None:
    path = database(
        tmp_path / "a.db", {**PUBLISHED, "extra": SECRET, "host": f"{SECRET}@x", "tlsVersions": SECRET}
    )
    assert run(["mailer", "record", str(path), "--format", form, "-v"]) == ExitCode.FINDINGS
    said = capfdbinary.readouterr()
    assert b"EmailNotificationServer" in said.out
    assert SECRET.encode() not in said.out + said.err


@pytest.mark.parametrize("wal", [False, True])
def test_nothing_is_written_and_a_running_product_is_read(tmp_path: Path, wal: bool) -> None:
    path = database(tmp_path / "a.db", GOOD, wal=wal)
    with closing(sqlite3.connect(path)) as product:
        product.execute('UPDATE "map ""data" SET id = 2')
        if wal:  # committed, and in the write-ahead log alone
            product.execute('INSERT INTO "map ""data" VALUES (3, ?, "")', (json.dumps(PUBLISHED).encode(),))
            product.commit()
        before = path.read_bytes(), path.stat().st_mtime_ns
        assert len(record.read(path)) == 1 + wal
        assert (path.read_bytes(), path.stat().st_mtime_ns) == before


@pytest.mark.parametrize("what", ["absent", "text", "cut", "folder"])
def test_what_cannot_be_read_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], what: str
) -> None:
    path = tmp_path / "a.db"
    if what == "text":
        path.write_text("host=smtp.example.com\n")
    elif what == "cut":
        database(path, PUBLISHED)
        path.write_bytes(path.read_bytes()[:4096])
    elif what == "folder":
        path.mkdir()
    assert run(["mailer", "record", str(path)]) == ExitCode.USAGE
    said = capsys.readouterr().err
    assert said.startswith(f"harden: {path} ")
    assert "Traceback" not in said
    assert len(said.splitlines()) == 2


def test_a_database_without_the_record_is_not_called_clean(tmp_path: Path) -> None:
    assert run(["mailer", "record", str(database(tmp_path / "a.db"))]) == ExitCode.NOTHING_EXAMINED


def test_values_of_a_known_form_are_shown(tmp_path: Path) -> None:
    (one,) = record.read(database(tmp_path / "a.db", {**PUBLISHED, "tlsVersions": "TLSv1.2, TLSv1.3"}))
    shown = one.shown()
    assert (shown["host"], shown["port"], shown["tlsVersions"]) == (
        "smtp.example.com",
        "587",
        "TLSv1.2, TLSv1.3",
    )
    assert (shown["from"], shown["username"], shown["password"]) == ("[secret]", "[secret]", "[secret]")


def test_without_a_path_the_published_place_is_read(capsys: pytest.CaptureFixture[str]) -> None:
    place = products.load("aspect").fact("mailer", "database").text("path")
    assert run(["mailer", "record"]) == ExitCode.USAGE
    assert place in capsys.readouterr().err
