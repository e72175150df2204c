"""Another account of the host that reads whatever it can, over and over, while something handles a secret."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

PYTHON = "/usr/bin/python3"
"""An interpreter that every account may run."""
_READER = r"""
import os, sys, time
secret, started = sys.stdin.buffer.readline().rstrip(b"\n"), time.time() - 1
PARENT = str(os.getppid())

def content(path):
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    except OSError:
        return b""
    try:
        return os.read(fd, 1 << 20)
    except OSError:
        return b""
    finally:
        os.close(fd)

def tree(top):
    try:
        names = os.listdir(top)
    except OSError:
        yield top
        return
    for name in names:
        yield from tree(top + "/" + name)

def ours(process):
    # Others on the machine handle keys of their own.
    while process not in ("", "0", "1", PARENT):
        try:
            with open("/proc/" + process + "/stat", "rb") as file:
                process = file.read().rpartition(b")")[2].split()[1].decode()
        except OSError:
            return False
    return process == PARENT or process == "1"

def readable():
    for top in sys.argv[1:]:
        for name in os.listdir(top):
            try:
                new = os.lstat(top + "/" + name).st_ctime >= started
            except OSError:
                continue
            if new:
                yield from tree(top + "/" + name)
    for name in os.listdir("/proc"):
        if name.isdigit() and int(name) != os.getpid() and ours(name):
            yield "/proc/" + name + "/cmdline"
            yield "/proc/" + name + "/environ"
            yield from tree("/proc/" + name + "/fd")

while True:
    for path in readable():
        if secret in content(path):
            print(path, flush=True)
    print("round", flush=True)
"""


@dataclass
class Attacker:
    """What one account has seen."""

    uid: int
    rounds: int = 0
    read: set[str] = field(default_factory=set)
    """Paths in which it has found the secret."""


@contextmanager
def attackers(secret: str, *uids: int) -> Iterator[list[Attacker]]:
    """Run one reader for each uid over the temporary folder and /proc. What they saw is there at the end.

    They look only at what has changed since they started. A bait that everybody can read shows that they look: without it in `read` a test fails here.
    """
    top = Path(tempfile.gettempdir())
    found = [Attacker(uid) for uid in uids]
    running = [
        subprocess.Popen(
            [PYTHON, "-c", _READER, str(top)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd="/",
            user=uid, group=uid, extra_groups=[],
        )
        for uid in uids
    ]  # fmt: skip
    bait = Path(tempfile.mkdtemp(prefix="bait-"))
    try:
        bait.chmod(0o755)
        for process in running:
            assert process.stdin is not None
            process.stdin.write(secret.encode() + b"\n")
            process.stdin.close()
        yield found
        (bait / "bait").write_text(secret)
        (bait / "bait").chmod(0o644)
        for one, process in zip(found, running, strict=True):
            assert process.stdout is not None
            for line in process.stdout:
                if line == b"round\n":
                    one.rounds += 1
                else:
                    one.read.add(os.fsdecode(line.rstrip(b"\n")))
                if str(bait / "bait") in one.read:
                    break
            one.read.remove(str(bait / "bait"))
    finally:
        for process in running:
            process.kill()
            process.wait()
            assert process.stdout is not None
            process.stdout.close()
        (bait / "bait").unlink(missing_ok=True)
        bait.rmdir()
