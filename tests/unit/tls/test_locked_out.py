"""Who would be locked out is said by render, audit and scan, in text and JSON, without failing anything."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from hardening.cli import run
from hardening.findings import in_file
from hardening.tls import clients_table
from hardening.tls import policy as policies
from hardening.tls.clients import warning
from hardening.tls.offer import Offer
from hardening.tls.rendering.render import render
from hardening.tls.targets import find

NEWEST = (
    "server {\nlisten 443 ssl;\nssl_protocols TLSv1.3;\nssl_ecdh_curve X25519;\nssl_session_tickets off;\n}\n"
)


def _found(capfdbinary: pytest.CaptureFixture[bytes]) -> list[dict[str, Any]]:
    report = json.loads(capfdbinary.readouterr().out)
    return [f for f in report["findings"] if f["rule"] == "tls/locked-out"]


def test_the_table_is_what_its_source_says() -> None:
    written = (clients_table.DATA / "clients.json").read_text()
    assert written == clients_table.table(), "run `make clients`"


def test_rendering_warns_and_still_succeeds(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert run(["tls", "render", "nginx", "--report", f"json={tmp_path / 'r.json'}"]) == 0
    report = json.loads((tmp_path / "r.json").read_text())
    (found,) = [f for f in report["findings"] if f["rule"] == "tls/locked-out"]
    assert found["severity"] == "info"
    assert "Java 6u45, Java 7u25, OpenSSL 0.9.8e (CentOS 5), " in found["message"]
    assert "java: run Java 8" in found["remedy"]
    capfd.readouterr()
    assert run(["tls", "render", "nginx"]) == 0
    said = capfd.readouterr().err
    assert "known clients cannot connect (-v lists them)" in said
    assert "Java 6u45" not in said
    assert run(["tls", "render", "nginx", "-v"]) == 0
    said = capfd.readouterr().err
    assert "known clients cannot connect: Java 6u45" in said
    assert "java: run Java 8" in said


def test_auditing_warns_once_per_server(tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    path = tmp_path / "nginx.conf"
    path.write_text(NEWEST)
    arguments = ["tls", "audit", str(path), "--target", "nginx@1.26.3-debian13"]
    assert run([*arguments, "--format", "json"]) == 0
    (found,) = _found(capfdbinary)
    assert "OpenSSL 1.0.1e" in found["message"]
    assert run(arguments) == 0
    assert b"tls/locked-out" in capfdbinary.readouterr().out
    assert run(["tls", "audit", str(path), "--format", "json"]) in {0, 10}, "whatever release it is"
    assert len(_found(capfdbinary)) == 1


def test_nothing_is_said_of_what_nobody_knows() -> None:
    at = in_file("nginx.conf", 1)
    assert warning(Offer(subject="www", at=at)) is None
    offer = render(find("nginx"), policies.load("aspect")).offer
    assert warning(offer) is not None
    assert warning(Offer(subject="www", at=at, protocols=offer.protocols, coverage="forbidden-only")) is None
