"""Another account than root, for a command: root may enter and read everything, so that its tests see no refusal.

`python -m tests.support.account COMMAND...` runs a command so (make user-test); without root it is run as who calls.
"""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

NOBODY = 65534
NAMELESS = 54321
"""An account that no line of /etc/passwd names, as in a container."""
ROOT = Path(__file__).parents[2]
_OPEN = (Path(sys.base_prefix), Path(sys.prefix), ROOT)
"""What a test needs to read: the interpreter, what is installed for it, and this repository."""


def _closed() -> dict[Path, list[Path]]:
    """Return the folders that others may not enter (/root), each with what has to be reached below it."""
    found: dict[Path, list[Path]] = {}
    for path in dict.fromkeys(one.resolve() for one in _OPEN):
        for above in reversed(path.parents):
            if not above.stat().st_mode & 0o001:
                found.setdefault(above, []).append(path)
                break
    return found


def _reached() -> str:
    """Return what a shell does in a mount namespace of its own: closed folders give way to ones that hold what is needed alone."""
    lines = ["set -e"]
    for closed, paths in _closed().items():
        every = " ".join(shlex.quote(str(one)) for one in paths)
        hidden = shlex.quote(str(closed))
        lines += [
            "held=$(mktemp -d)",
            'mount -t tmpfs -o mode=755 none "$held"',
            f'for one in {every}; do mkdir -p "$held$one"; mount --bind "$one" "$held$one"; done',
            f"mount -t tmpfs -o mode=755 none {hidden}",
            f'for one in {every}; do mkdir -p "$one"; mount --bind "$held$one" "$one"; done',
            'umount --lazy "$held"; rmdir "$held"',
        ]
    return "\n".join(lines)


def argv(command: Sequence[object], uid: int = NOBODY) -> list[str]:
    """Return the command as another account runs it; it is a test's own where the test has no right to choose."""
    words = list(map(str, command))
    if os.geteuid() != 0:
        return words
    dropped = ["setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups", *words]
    if not _closed():
        return dropped
    return ["unshare", "--mount", "sh", "-c", f'{_reached()}\nexec "$@"', "sh", *dropped]


def required(uid: int = NOBODY) -> None:
    """Skip the test where nothing can be run as this account."""
    if os.geteuid() != 0:
        if uid != NOBODY:
            pytest.skip("root alone becomes an account of its choice")
        return
    done = subprocess.run(argv([sys.executable, "-c", ""], uid), capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"no other account reaches {sys.base_prefix} here: {done.stderr.strip()}")


@dataclass(frozen=True, slots=True)
class Done:
    """What one call of the command line came to."""

    code: int
    out: str
    err: str


_EACH = """
import io, json, sys
from hardening.cli import run
def called(words):
    streams = sys.stdout, sys.stderr = [io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True) for _ in "12"]
    return [run(words.split()), *(one.buffer.getvalue().decode() for one in streams)]
own = sys.stdout
json.dump([called(words) for words in json.loads(sys.argv[1])], own)
own.flush()
"""
"""Many calls in one process: most of what one takes is the start."""


def harden(
    *calls: str, cwd: Path, uid: int = NOBODY, env: Mapping[str, str] | None = None
) -> tuple[Done, ...]:
    """Call the command line with each of these words as another account, in a folder, with these variables and no others."""
    command = [
        "env",
        "-i",
        f"--chdir={cwd}",
        f"PATH={Path(sys.executable).parent}:{os.environ['PATH']}",
        "LC_ALL=C.UTF-8",
    ]
    command += [f"{name}={value}" for name, value in (env or {}).items()]
    command += [sys.executable, "-c", _EACH, json.dumps(calls)]
    done = subprocess.run(
        argv(command, uid), capture_output=True, text=True, check=False, timeout=120, stdin=subprocess.DEVNULL
    )
    assert done.returncode == 0, done.stderr
    return tuple(Done(*one) for one in json.loads(done.stdout))


@contextmanager
def folder(uid: int = NOBODY) -> Iterator[Path]:
    """Yield a new folder that the account owns and may reach, unlike pytest's own."""
    with tempfile.TemporaryDirectory(prefix="harden-account-") as made:
        path = Path(made)
        path.chmod(0o755)
        if os.geteuid() == 0:
            os.chown(path, uid, uid)
        yield path


def main() -> int:
    """Run a command as another account with a home of its own, and return its exit code."""
    with folder() as home:
        env = {
            **os.environ, "HOME": str(home), "USER": "nobody", "LOGNAME": "nobody", "XDG_CACHE_HOME": "",
            "HYPOTHESIS_STORAGE_DIRECTORY": str(home / "hypothesis"),
            "CI": "",  # what needs root is skipped, and that is no failure here
            # the repository is somebody else's, of whom git is careful
            "GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "safe.directory", "GIT_CONFIG_VALUE_0": str(ROOT),
        }  # fmt: skip
        return subprocess.run(argv(sys.argv[1:]), env=env, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
