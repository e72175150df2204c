"""Sends a request with its program to the standard input of any Python, and reads the answer.

The target needs nothing but a Python interpreter: no file is left there, and no secret is on a command line.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import zlib
from typing import Any

from hardening import packing
from hardening.errors import ProbeError
from hardening.onhost import loader

MARK, SEAL = loader.MARK, loader.SEAL
AGENT = "hardening.onhost.agent.main"
UPGRADER = "hardening.onhost.upgrader.main"
LARGEST = 256 << 20
"""Bytes of an answer, unpacked, that are taken from a host: it may lie, and zlib makes a thousand of one."""

PYTHONS = ("python3", "/usr/libexec/platform-python", "python", "python2", "python2.7", "python2.6")
"""What is tried on a host whose interpreter nobody named, in this order."""

SHELL_PROBE = (
    "for p in " + " ".join(PYTHONS) + "; do "
    f'if "$p" -c "{packing.ALONE}; import json, zlib, hashlib, ctypes" >/dev/null 2>&1; then echo "@@PYTHON@@$p"; exit 0; fi; done; '
    'echo "@@NOPYTHON@@$(uname -srm) $(head -n 1 /etc/centos-release /etc/redhat-release 2>/dev/null | tail -n 1)"'
)
"""A POSIX shell line that finds a usable Python, or says what the host is."""


def program(request: dict[str, Any], name: str = AGENT, *, key: str = "", local: bool = False) -> bytes:
    """Return the Python program (2.6 and later) that answers `request`; it goes to standard input.

    `name` is the program's module. With `key` (from `fresh_key`, for this one request) only `answer` can read what
    comes back: the key is on no command line, and Ansible shows nothing of what goes in. `local`: see `packing.stream`.
    """
    return packing.stream(name, request, key=key, local=local)


def fresh_key() -> str:
    """Return a key for one request, as text."""
    return secrets.token_hex(32)


def unsealed(output: str, key: str) -> str:
    """Return what the far side printed; as it is where nothing in it is sealed, or not by this key."""
    _, mark, tail = output.rpartition(SEAL)
    try:
        data = base64.b64decode(tail.split()[0], validate=True) if mark else b""
        blocks = range(len(data) // 32 + 1)
        stream = b"".join(hashlib.sha256(f"{key}{number}".encode("ascii")).digest() for number in blocks)
        size = len(data)
        plain = (int.from_bytes(data) ^ int.from_bytes(stream[:size])).to_bytes(size)
        return unpacked(plain).decode("utf-8") if mark else output
    except (ValueError, IndexError, zlib.error):  # a connection that was cut in the middle of it
        return output


def unpacked(data: bytes) -> bytes:
    """Return what a host has packed. Errors: zlib.error (cut short, damaged), ProbeError (there is no end of it)."""
    made = zlib.decompressobj()
    content = made.decompress(data, LARGEST + 1)
    if len(content) > LARGEST:
        raise ProbeError(
            f"a host answered with more than {LARGEST >> 20} MiB",
            hint="nothing was read from the answer; check the host",
        )
    if not made.eof:
        raise zlib.error("cut short")
    return content


def answer(output: str, *, complaint: str = "", where: str = "the host", key: str = "") -> dict[str, Any]:
    """Return the agent's answer out of everything the far side printed. Errors: ProbeError."""
    if key:
        output = unsealed(output, key)
    _, mark, tail = output.rpartition(MARK)
    if mark:
        try:
            found = json.loads(tail.splitlines()[0])
        except (ValueError, IndexError, RecursionError):
            found = None
        if isinstance(found, dict):
            return found
    reason = (complaint.strip() or output.strip() or "nothing")[-400:]
    raise ProbeError(f"the agent gave no answer on {where}; output: {reason}", hint=_hint(reason))


SUDO = "allow sudo without a terminal and without a password, or set ansible_become_password"
NO_TTY = "switch requiretty off for this account, by visudo: Defaults:ACCOUNT !requiretty (harden docs hosts)"
NO_SUDO = "sudo is not installed there: log in as root, or name another ansible_become_method"


def _hint(output: str) -> str:
    """Return what to do about a host that gave no answer, by what it said instead."""
    if output == "nothing":
        return "the connection ended before it; see the result with harden upgrade status"
    if "sudo" in output:
        if "not found" in output or "No such file" in output:
            return NO_SUDO
        return NO_TTY if "must have a tty" in output else SUDO
    return "name an interpreter (Python 2.6 or later) with ansible_python_interpreter"
