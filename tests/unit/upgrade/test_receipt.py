"""A receipt that is no receipt is refused, whatever it holds; nothing of it is believed before it is verified."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bundle.trust import dsse, keys
from bundle.trust.policy import TrustPolicy
from hardening.cli import run
from hardening.errors import ExitCode
from hardening.upgrade import receipt

KEY = keys.generate()


def told(**predicate: Any) -> bytes:
    subject = [{"name": "b", "digest": {"sha256": "0" * 64}}]
    value = {"predicateType": receipt.PREDICATE, "subject": subject, "predicate": predicate}
    return json.dumps(value).encode()


@pytest.fixture
def place(tmp_path: Path) -> Path:
    keys.write(KEY, tmp_path / "key", passphrase=None)
    return tmp_path / "receipt.json"


def test_it_names_every_host(place: Path) -> None:
    place.write_bytes(dsse.seal(told(hosts=[{"host": "a", "state": "committed"}]), KEY).to_bytes())
    (result,) = receipt.verified(place, TrustPolicy.of([KEY.public_key()], 1)).results
    assert result.reason == "a: committed"


@pytest.mark.parametrize(
    "payload",
    [b"[" * 200_000, b"[]", b"\xff", told(), told(hosts=1), told(hosts=["a"]), told(hosts=[{"host": "a"}])],
    ids=["deep", "list", "bytes", "no hosts", "number", "name alone", "no state"],
)
def test_whatever_a_document_holds_it_is_refused(
    place: Path, payload: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    place.write_bytes(dsse.seal(payload, KEY).to_bytes())
    assert run(["report", "verify", str(place), "--key", str(place.with_name("key.pub"))]) == ExitCode.REFUSED
    assert "internal error" not in capsys.readouterr().err
