"""What a stranger may put in place of a bundle, its signature or what stands beside it: refused at once, in little memory."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from hardening.errors import ExitCode
from tests.unit.bundle.trust.test_hostile import MIB, bounded, made

__all__ = ["made"]


WIDE: dict[str, Callable[[], bytes]] = {
    "lists": lambda: b"[" + b"[]," * (30 * MIB) + b"[]]",
    "signatures": lambda: b'{"payloadType":"x","payload":"","signatures":[' + b"{}," * (20 * MIB) + b"{}]}",
    "names": lambda: b"{" + b",".join(b'"%x":1' % n for n in range(4 * MIB)) + b"}",
}


@pytest.mark.parametrize("kind", WIDE)
def test_an_envelope_of_millions_of_parts_takes_little_memory(made: Path, kind: str) -> None:
    (made / "s.json").write_bytes(WIDE[kind]())
    said = bounded("bundle", "verify", "u.zip", "--key", "k.pub", "--signature", "s.json", seconds=20)
    assert said.returncode == ExitCode.REFUSED, said.stderr
    assert "not a DSSE envelope" in said.stdout


@pytest.mark.parametrize(
    "words",
    [
        ("bundle", "verify", "u.zip", "--key", "k.pub", "--signature", "{}"),
        ("bundle", "verify", "u.zip", "--key", "k.pub", "--installed-state", "{}"),
        ("bundle", "verify", "u.zip", "--trust", "{}"),
        ("bundle", "envelope", "{}", "--export", "message"),
        ("bundle", "envelope", "u.zip.dsse.json", "--add", "{}", "--key", "k.pub"),
        ("report", "verify", "{}", "--key", "k.pub"),
        ("report", "sign", "{}", "--key", "k", "--no-passphrase"),
        ("bundle", "audit", "u.zip", "--waivers", "{}"),
        ("bundle", "audit", "u.zip", "--baseline-key", "{}"),
        ("bundle", "audit", "u.zip", "--baseline", "{}"),
        ("bundle", "audit", "u.zip", "--password-file", "{}"),
        ("bundle", "audit", "u.zip", "--rules", "{}"),
        ("bundle", "sign", "u.zip", "--key", "k", "--no-passphrase", "--cleaned-from", "u.zip", "--salt", "{}"),
        ("bundle", "tuf", "fetch", ".", "x", "--root", "{}", "--state", "state", "-o", "out"),
        ("tls", "scan", "--endpoints", "{}"),
        ("mailer", "unseal", "{}", "--key-file", "{}"),
    ],
)  # fmt: skip
def test_what_has_no_end_is_not_read(made: Path, words: tuple[str, ...]) -> None:
    (made / "endless").symlink_to("/dev/zero")
    said = bounded(*(word.format("endless") for word in words), seconds=20)
    assert said.returncode in (ExitCode.USAGE, ExitCode.REFUSED), said.stderr
    assert "internal error" not in said.stderr
