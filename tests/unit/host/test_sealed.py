"""What comes back from a host can be read by whoever asked, and by nobody who reads Ansible's most talkative log."""

from __future__ import annotations

import base64
import hashlib
import subprocess
import zlib
from pathlib import Path

import pytest

from hardening.errors import ProbeError
from hardening.host import onhost_request
from tests.support.host.little import AGES, interpreter

SECRET = "Pa55-of-the-site\u00fc\u20ac" * 3


def asked(python: str, folder: Path, key: str) -> str:
    """Ask the agent for a file and return what it printed."""
    (folder / "file").write_text(SECRET, encoding="utf-8")
    request = {"verb": "facts", "read": [str(folder / "file")]}
    done = subprocess.run(
        [python, "-"], input=onhost_request.program(request, key=key), capture_output=True, check=True
    )
    assert done.stderr == b""
    return done.stdout.decode("ascii")


@pytest.mark.parametrize("age", AGES[1:])
def test_only_the_key_opens_the_answer(tmp_path: Path, age: str) -> None:
    key = onhost_request.fresh_key()
    output = asked(interpreter(age), tmp_path, key)
    assert onhost_request.MARK not in output
    assert base64.b64encode(SECRET.encode())[:40].decode() not in output
    found = onhost_request.answer(f"a banner of the host\n{output}and a goodbye\n", key=key)
    assert base64.b64decode(found["files"][0]["content"]).decode() == SECRET
    again = asked(interpreter(age), tmp_path, onhost_request.fresh_key())
    assert again[20:40] != output[20:40]  # no two begin alike
    with pytest.raises(ProbeError, match="the agent gave no answer on the host"):
        onhost_request.answer(output, key=onhost_request.fresh_key())


@pytest.mark.parametrize("end", [12, 13, 200, -10])
def test_an_answer_that_was_cut_is_none(tmp_path: Path, end: int) -> None:
    key = onhost_request.fresh_key()
    output = asked(interpreter("newest"), tmp_path, key)
    with pytest.raises(ProbeError, match="the agent gave no answer"):
        onhost_request.answer(output[:end], key=key)


def test_an_agent_that_cannot_start_is_told_apart() -> None:
    with pytest.raises(ProbeError, match="python: not found"):
        onhost_request.answer("", complaint="sh: python: not found", key=onhost_request.fresh_key())


def test_an_answer_without_end_is_not_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    """One host that somebody else has made of a megabyte two gigabytes, on the machine that leads all of them."""
    monkeypatch.setattr(onhost_request, "LARGEST", 1 << 16)
    key, data = onhost_request.fresh_key(), zlib.compress(bytes((1 << 16) + 1))
    blocks = (hashlib.sha256(f"{key}{number}".encode()).digest() for number in range(len(data) // 32 + 1))
    sealed = bytes(one ^ other for one, other in zip(data, b"".join(blocks), strict=False))
    with pytest.raises(ProbeError, match="more than 0 MiB"):
        onhost_request.answer(f"\n{onhost_request.SEAL}{base64.b64encode(sealed).decode()}\n", key=key)
    assert onhost_request.unpacked(zlib.compress(bytes(1 << 16))) == bytes(1 << 16)
