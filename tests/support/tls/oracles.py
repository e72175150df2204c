"""Real OpenSSL libraries of old distributions, to be asked what they make of a cipher string.

They lie inside old wheels on the Python package index: `python tests/support/tls/oracles.py fetch` brings
them into .cache/oracles once. Each library answers in a process of its own.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from hardening.tls import openssl

ROOT = Path(__file__).resolve().parents[3]
CACHE = ROOT / ".cache" / "oracles"
CHILD = Path(__file__).with_name("oracle_child.py")
SYSTEM = "3.5.9-debian13"


@dataclass(frozen=True, slots=True)
class Oracle:
    """One real library: which wheel holds it, and how it is loaded."""

    build: str
    kind: str
    """`ctypes`: shared libraries; `cffi`: inside cryptography; `nassl`; `system`: the host's own."""
    wheel: str = ""
    python: str = "39"
    abi: str = "cp39"
    platforms: tuple[str, ...] = ("manylinux2014_x86_64",)

    @property
    def folder(self) -> Path:
        """Where its wheel is unpacked."""
        return CACHE / self.build

    @property
    def loads(self) -> bool:
        """Whether this Python can load it: an extension module wants the release it was made for."""
        return self.kind != "nassl" or self.abi == f"cp{sys.version_info[0]}{sys.version_info[1]}"

    @property
    def present(self) -> bool:
        """Whether it can be asked here."""
        if self.kind == "system":
            return _system_version() == SYSTEM.partition("-")[0]
        return self.loads and (self.folder / "ready").exists()


_ONE, _TEN, _FOURTEEN = ("manylinux1_x86_64",), ("manylinux2010_x86_64",), ("manylinux2014_x86_64",)
ORACLES = (
    Oracle("0.9.8e-rhel5", "ctypes", "psycopg2==2.7", "27", "cp27mu", _ONE),
    Oracle("1.0.1e-el6", "ctypes", "pysam==0.18.0", "36", "cp36m", _TEN),
    Oracle("1.0.2e-nassl-legacy", "nassl", "nassl==5.4.0", "311", "cp311", _FOURTEEN),
    Oracle("1.0.2k-el7", "ctypes", "pymssql==2.2.7", "39", "cp39", _FOURTEEN),
    Oracle("1.0.2k-upstream", "ctypes", "psycopg2==2.7.3", "27", "cp27mu", _ONE),
    Oracle("1.0.2l-upstream", "ctypes", "confluent-kafka==0.11.4", "27", "cp27mu", _ONE),
    Oracle("1.1.0f", "ctypes", "cryptography==2.0", "27", "cp27mu", _ONE),
    Oracle("1.1.1g-upstream", "ctypes", "psycopg2-binary==2.8.6", "37", "cp37m", _ONE),
    Oracle("1.1.1k-rh", "ctypes", "cyvcf2==0.30.16", "39", "cp39", _FOURTEEN),
    Oracle("1.1.1k-el8", "ctypes", "cyvcf2==0.35.0", "311", "cp311", ("manylinux_2_28_x86_64",)),
    Oracle("1.1.1w-upstream", "ctypes", "psycopg2-binary==2.9.10", "39", "cp39", _FOURTEEN),
    Oracle("3.0.8-upstream", "cffi", "cryptography==39.0.2", "311", "abi3", _FOURTEEN),
    Oracle("3.2.2-upstream", "cffi", "cryptography==42.0.8", "311", "abi3", _FOURTEEN),
    Oracle("3.4.0-upstream", "cffi", "cryptography==44.0.0", "311", "abi3", _FOURTEEN),
    Oracle(SYSTEM, "system"),
)


def _system_version() -> str:
    try:
        said = subprocess.run(["openssl", "version"], capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return ""
    return said.split()[1]


def oracle(build: str) -> Oracle:
    """Return the oracle of one build."""
    return next(one for one in ORACLES if one.build == build)


def needed(build: str) -> Oracle:
    """Return an oracle, or skip the test where its library is not here (fail in CI)."""
    import pytest

    one = oracle(build)
    if not one.loads:
        pytest.skip(f"{build} is an extension module of another Python ({one.abi})")
    if not one.present:
        reason = f"{build} is not here; `make oracles` brings it"
        if os.environ.get("CI") == "true" and one.kind != "system":
            pytest.fail(reason)
        pytest.skip(reason)
    return one


class Asker:
    """A running child that answers for one library."""

    def __init__(self, build: str) -> None:
        one = oracle(build)
        environment = dict(os.environ) | {"PYTHONPATH": str(ROOT)}
        if one.kind == "ctypes":
            environment["LD_LIBRARY_PATH"] = str(one.folder)
        policy = openssl.build(build).system_policy
        if policy is not None:
            said = one.folder / "policy"
            said.write_text(policy)
            environment["OPENSSL_SYSTEM_CIPHERS_OVERRIDE"] = str(said)
        self._child = subprocess.Popen(
            [sys.executable, str(CHILD), one.kind, str(one.folder)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment,
        )  # fmt: skip

    def ask(self, **question: object) -> object:
        """Send one question and return the answer."""
        assert self._child.stdin
        assert self._child.stdout
        self._child.stdin.write(json.dumps(question) + "\n")
        self._child.stdin.flush()
        line = self._child.stdout.readline()
        if not line:
            raise RuntimeError("the library's process ended")
        return json.loads(line)

    def lists(self, strings: Sequence[str]) -> list[list[int | str] | str]:
        """Return per string the ciphers in order (TLS 1.3 left out), or the library's error.

        Code points, or names where the binding gives nothing else.
        """
        answer = self.ask(lists=list(strings))
        assert isinstance(answer, list)
        return answer

    def hello(self, string: str) -> bytes:
        """Return the ClientHello the library sends with this cipher string."""
        answer = self.ask(hello=string)
        assert isinstance(answer, str)
        return bytes.fromhex(answer)

    def connect(self, port: int, string: str = "DEFAULT") -> dict[str, object]:
        """Shake hands with a server on 127.0.0.1: `protocol` and `code`, or `error`."""
        answer = self.ask(connect=port, string=string)
        assert isinstance(answer, dict)
        return answer

    def suites13(self, strings: Sequence[str]) -> list[list[int] | None]:
        """Return per TLS 1.3 setting the code points in force, or None where the library refuses it."""
        answer = self.ask(suites13=list(strings))
        assert isinstance(answer, list)
        return answer

    def tables(self, generation: str) -> dict[str, Any]:
        """Return the library's own `ciphers` and `keywords`, read out of its memory."""
        answer = self.ask(tables=generation)
        assert isinstance(answer, dict)
        return answer

    def close(self) -> None:
        """End the child."""
        assert self._child.stdin
        assert self._child.stdout
        self._child.stdin.close()
        self._child.stdout.close()
        self._child.wait(timeout=10)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def fetch() -> list[str]:
    """Bring every library that is not here yet; return what could not be brought."""
    problems = []
    for one in ORACLES:
        if one.kind == "system" or one.present or not one.loads:
            continue
        try:
            _fetch(one)
        except (OSError, subprocess.CalledProcessError, zipfile.BadZipFile) as problem:
            problems.append(f"{one.build}: {problem}")
    return problems


def _fetch(one: Oracle) -> None:
    wheels = CACHE / "wheels" / one.build
    wheels.mkdir(parents=True, exist_ok=True)
    platforms = [word for p in one.platforms for word in ("--platform", p)]
    subprocess.run(
        [sys.executable, "-m", "pip", "download", "-q", "--disable-pip-version-check", "--no-deps",
         "--only-binary", ":all:", *platforms, "--implementation", "cp", "--python-version", one.python,
         "--abi", one.abi, "-d", str(wheels), one.wheel],
        check=True,
    )  # fmt: skip
    wheel = next(wheels.glob("*.whl"))
    one.folder.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(wheel) as archive:
        if one.kind != "ctypes":
            archive.extractall(one.folder)
        else:
            for member in archive.namelist():
                parent, _, name = member.rpartition("/")
                if parent.endswith("libs") and name:
                    (one.folder / name).write_bytes(archive.read(member))
    for old in one.folder.glob("libresolv-*"):  # it asks for a private symbol that a newer libc lacks
        old.unlink()
        old.symlink_to("/lib/x86_64-linux-gnu/libresolv.so.2")
    wheel.unlink()
    (one.folder / "ready").touch()


if __name__ == "__main__":
    if sys.argv[1:] != ["fetch"]:
        sys.exit("usage: oracles.py fetch")
    failed = fetch()
    sys.exit("\n".join(failed) if failed else 0)
