"""A little host under a temporary root, interpreters of all ages, and an operating system that fails when told."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import textwrap
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from hardening import packing
from hardening.host import onhost_request, session
from hardening.host.plans import plan as planning
from tests.support.host.onhost import hooked

AGES = ("installed", "2.7", "3.6", "newest")
"""`installed` is the agent as a file on the host, run by this Python; the others get it streamed."""


def _candidates(minor: str) -> list[Path]:
    named = shutil.which(f"python{minor}")
    managed = sorted(
        Path(os.environ.get("PYENV_ROOT", "~/.pyenv"), "versions").expanduser().glob(f"{minor}.*/bin/python")
    )
    return [*managed, *([Path(named)] if named else [])]


def interpreter(age: str) -> str:
    """Return a working interpreter of that age; skip where there is none, fail where CI promises one.

    The newest is the one that runs the tests where no newer one is here.
    """
    if age == "installed":
        return age
    minors = ("3.14", "3.13", "3.12") if age == "newest" else (age,)
    for minor in minors:
        for found in _candidates(minor):
            if subprocess.run([found, "-c", "import json"], capture_output=True, check=False).returncode == 0:
                return str(found)
    if age == "newest":
        return sys.executable
    message = f"no Python {age} on this machine"
    if os.environ.get("CI") == "true":
        pytest.fail(message)
    pytest.skip(message)


@dataclass
class Little:
    """A host of one service that reads `etc/a.conf` and `etc/b.conf` when it is told to reload."""

    root: Path
    python: str = sys.executable
    reloads: Path = field(init=False)

    def __post_init__(self) -> None:
        self.etc.mkdir(parents=True)
        self.reloads = self.root / "run" / "reloads"
        self.reloads.parent.mkdir()
        for name in ("a", "b"):
            (self.etc / f"{name}.conf").write_text(f"{name} = old\n")
            (self.etc / f"{name}.conf").chmod(0o640)
        self.script("judge", f"! grep -q broken {self.etc}/*.conf")
        self.script("reload", f"cat {self.etc}/*.conf > {self.root}/run/loaded; echo x >> {self.reloads}")
        subprocess.run([self.bin("reload")], check=True)

    @property
    def etc(self) -> Path:
        return self.root / "etc"

    @property
    def exact(self) -> bool:
        """Whether this Python can set times to the nanosecond (Python 2 cannot)."""
        return "2.7" not in self.python

    @property
    def state(self) -> Path:
        return self.root / "var" / "lib" / "aspect-hardening"

    def bin(self, name: str) -> str:
        return str(self.root / "bin" / name)

    def script(self, name: str, body: str) -> None:
        path = Path(self.bin(name))
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"#!/bin/sh\n{body}\n")
        path.chmod(0o755)

    def plan(self, **changes: str) -> planning.Plan:
        """Return a plan that sets `a.conf`, `b.conf` ... to the given texts."""
        return planning.Plan(
            label="little",
            files=tuple(
                planning.File(path=str(self.etc / f"{name}.conf"), content=text.encode())
                for name, text in changes.items()
            ),
            validators=(planning.Validator(name="judge", argv=(self.bin("judge"),)),),
            services=(planning.Service(name="little", action="reload", argv=(self.bin("reload"),)),),
        )

    def ask(self, verb: str, what: planning.Plan | None = None, **more: Any) -> dict[str, Any]:
        if self.python == "installed":
            return self.installed(verb, what, **more)
        if what is not None:
            more["plan"] = what.to_json()
        return session.here(state=str(self.state), python=self.python).ask(verb, **more)

    def installed(self, verb: str, what: planning.Plan | None = None, **more: Any) -> dict[str, Any]:
        """Ask the agent as an operator would who is logged in on the host."""
        words = [f"--{name}={value}" if value is not True else f"--{name}" for name, value in more.items()]
        agent = self.root.parent / f"{self.root.name}.pyz"  # beside the root: tests compare what is in it
        fresh = agent.with_suffix(f".{threading.get_ident()}")  # another thread may run the one that is there
        fresh.write_bytes(packing.zipped(onhost_request.AGENT))
        fresh.replace(agent)
        argv = [sys.executable, str(agent), verb, "--state", str(self.state)]
        argv += [part for word in words for part in word.split("=", 1)]
        text = json.dumps(what.to_json()).encode() if what is not None else b""
        done = subprocess.run(argv, input=text, capture_output=True, check=False)
        found: dict[str, Any] = json.loads(done.stdout)
        assert done.returncode == (6 if found["failed"] else 0), done.stderr
        return found

    def config(self) -> dict[str, str]:
        return {path.name: path.read_text() for path in sorted(self.etc.iterdir())}

    def config_text(self) -> str:
        """Return what the service would load now."""
        return "".join(path.read_text() for path in sorted(self.etc.glob("*.conf")))

    def loaded(self) -> str:
        return (self.root / "run" / "loaded").read_text()

    def told(self) -> int:
        return len(self.reloads.read_text().splitlines())


def digest(root: Path, *, times: bool = False) -> str:
    """Return one digest over everything below `root`: names, kinds, modes, owners, contents (and times)."""
    lines = []
    for path in sorted(root.rglob("*")):
        status = path.lstat()
        kind = "l" if path.is_symlink() else "d" if path.is_dir() else "f"
        content = (
            str(path.readlink())
            if kind == "l"
            else ""
            if kind == "d"
            else hashlib.sha256(path.read_bytes()).hexdigest()
        )
        row = [str(path.relative_to(root)), kind, oct(status.st_mode), status.st_uid, status.st_gid, content]
        if times and kind == "f":
            row.append(status.st_mtime_ns)
        lines.append(repr(row))
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


FAULTY = textwrap.dedent("""
    import errno, os, signal
    KIND, AT = {kind!r}, {at}
    COUNT, PID = [0], os.getpid()
    CALLS = "write rename fsync link mkdir unlink rmdir symlink chmod fchmod lchown fchown utime".split()

    def wrapped(name, real):
        def call(*args, **kwargs):
            if os.getpid() != PID or (name == "write" and args[0] < 3):
                return real(*args, **kwargs)
            COUNT[0] += 1
            if COUNT[0] == AT or (COUNT[0] > AT and KIND == "EROFS"):
                if KIND == "KILL":
                    os.kill(PID, signal.SIGKILL)
                raise OSError(getattr(errno, KIND), "no more")
            return real(*args, **kwargs)
        return call

    for one in CALLS:
        setattr(os, one, wrapped(one, getattr(os, one)))
""")
"""The agent with the operating system failing, or the process dying, at the AT-th call that changes a disk."""

COUNTED = 'sys.stdout.write("@@CALLS@@%d" % COUNT[0])'


def failing(request: dict[str, Any], *, kind: str, at: int, guarded: bool = False) -> bytes:
    """Return the streamed agent for which the AT-th call that changes a disk kills it, or fails with errno KIND."""
    loaded = "" if guarded else 'every("post_guard", lambda real: lambda *args: None)'
    return hooked(request, first=FAULTY.format(kind=kind, at=at), loaded=loaded, last=COUNTED)


def faulty(
    host: Little, what: planning.Plan, *, kind: str, at: int, guarded: bool = False
) -> subprocess.CompletedProcess[bytes]:
    """Apply a plan while the AT-th call that changes a disk kills the agent, or fails with errno KIND."""
    request = {"verb": "apply", "state": str(host.state), "plan": what.to_json()}
    python = sys.executable if host.python == "installed" else host.python
    text = failing(request, kind=kind, at=at, guarded=guarded)
    return subprocess.run([python, "-"], input=text, capture_output=True, check=False)
