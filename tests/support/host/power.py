"""Disks that lose their power: a file system in an image, copied in an instant while the agent writes to it.

The copy is what the disk would hold if the power went then: everything the file system had handed over, in that order,
and nothing of what was still in memory. What a drive keeps in a cache of its own and reorders is not modelled.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import shutil
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from hardening.host import onhost_request
from hardening.host.plans import plan as planning
from tests.support.host.little import COUNTED, Little, digest
from tests.support.host.onhost import hooked

FORMATS: dict[str, tuple[int, tuple[str, ...], str]] = {
    "ext4": (48, ("mkfs.ext4", "-q", "-F"), "data=ordered"),
    "ext4-writeback": (48, ("mkfs.ext4", "-q", "-F"), "data=writeback"),
    "xfs": (320, ("mkfs.xfs", "-q", "-f"), "nouuid"),
}
"""How a disk is made: megabytes (sparse), program, and the options it is mounted with."""

CLONE_NEWNS = 0x20000
CUTTING = textwrap.dedent("""
    import os, subprocess
    STEPS, PID, COUNT = {steps}, os.getpid(), [0]
    CALLS = "write rename fsync link mkdir unlink rmdir symlink chmod fchmod lchown utime".split()

    def wrapped(name, real):
        def call(*args, **kwargs):
            if os.getpid() == PID and not (name == "write" and args[0] < 3):
                COUNT[0] += 1
                if COUNT[0] in STEPS:
                    subprocess.check_call(["cp", "--reflink=always", "{disk}", STEPS[COUNT[0]]])
            return real(*args, **kwargs)
        return call

    for one in CALLS:
        setattr(os, one, wrapped(one, getattr(os, one)))
""")
"""The agent, while the power goes just before chosen calls that change a disk, and the agent never notices."""


def missing() -> list[str]:
    """Return the programs that this machine lacks to make disks and to copy them in an instant."""
    path = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
    return [one for one in ("mkfs.ext4", "mkfs.xfs", "mount") if shutil.which(one, path=path) is None]


def closed() -> list[str]:
    """Return what this user or this kernel may not do."""
    found = [] if os.getuid() == 0 else ["root"]
    return found + ([] if Path("/dev/loop-control").exists() else ["loop devices"])


def run(*argv: str | Path) -> None:
    """Run a program of the system; its words are in the failure."""
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(map(str, argv))}: {done.stderr}"


def unmount(place: Path) -> None:
    """Unmount, whoever still has a last look: the agent's guard process sees whether it is needed."""
    deadline = time.monotonic() + 10
    while subprocess.run(["umount", place], capture_output=True, check=False).returncode != 0:
        if time.monotonic() > deadline:
            run("umount", "-l", place)
            raise AssertionError(f"{place} is still in use")
        time.sleep(0.05)


@contextlib.contextmanager
def alone() -> Iterator[None]:
    """Mount where nobody else sees it: whoever copies this machine's mounts meanwhile would keep disks in use."""
    libc = ctypes.CDLL(None, use_errno=True)
    with Path("/proc/self/ns/mnt").open("rb") as home:
        where = Path.cwd()
        assert libc.unshare(CLONE_NEWNS) == 0, os.strerror(ctypes.get_errno())
        try:
            run("mount", "--make-rprivate", "/")
            yield
        finally:
            assert libc.setns(home.fileno(), CLONE_NEWNS) == 0, os.strerror(ctypes.get_errno())
            os.chdir(where)


@dataclass
class Disk:
    """A host's file system in an image on a shelf that can copy it in an instant."""

    shelf: Path
    kind: str
    place: Path

    @property
    def image(self) -> Path:
        return self.shelf / "disk.img"

    def make(self) -> None:
        """Format the disk anew."""
        megabytes, argv, _ = FORMATS[self.kind]
        self.image.unlink(missing_ok=True)
        with self.image.open("wb") as out:
            out.truncate(megabytes << 20)
        run(*argv, self.image)

    @contextlib.contextmanager
    def mounted(self, image: Path | None = None) -> Iterator[None]:
        """Mount the disk, or a copy of it, where the host lives: what it says of paths holds on every copy."""
        run("mount", "-o", f"loop,{FORMATS[self.kind][2]}", image or self.image, self.place)
        try:
            yield
        finally:
            unmount(self.place)

    def cut(self, name: str) -> Path:
        """Return what the disk holds at this instant."""
        copy = self.shelf / f"{name}.cut"
        run("cp", "--reflink=always", self.image, copy)
        return copy


@contextlib.contextmanager
def shelf(folder: Path) -> Iterator[Path]:
    """Mount a file system whose files share their blocks, so that a copy takes an instant."""
    image, place = folder / "shelf.img", folder / "shelf"
    place.mkdir(parents=True)
    with image.open("wb") as out:
        out.truncate(8 << 30)
    run("mkfs.xfs", "-q", "-m", "reflink=1", image)
    run("mount", "-o", "loop", image, place)
    try:
        yield place
    finally:
        unmount(place)
        image.unlink()


def settled(host: Little) -> Little:
    """Give a host a dozen files more, in two folders, all of them on the disk for certain."""
    for number in range(10):
        path = host.etc / "conf.d" / f"{number}.conf"
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"number = {number}\n" * 200)
    os.sync()
    return host


def change(host: Little, turn: int) -> planning.Plan:
    """Return a plan that changes all files, makes some and removes some; every turn wants something else."""
    base = host.plan(a=f"a = {turn}\n", c=f"c = {turn}\n")
    more = [
        planning.File(
            path=str(host.etc / "conf.d" / f"{n}.conf"), content=f"turn = {turn}.{n}\n".encode() * 300
        )
        for n in range(10)
    ]
    fresh = planning.File(path=str(host.etc / f"turn{turn}.d" / "x.conf"), content=b"x\n", mkdir=True)
    gone = host.etc / (f"turn{turn - 1}.d" if turn > 1 else "b.conf")
    return replace(base, files=(*base.files, *more, fresh), remove=(str(gone),))


def apply(
    host: Little, disk: Disk, plan: planning.Plan, steps: Mapping[int, str], delays: Mapping[float, str]
) -> int:
    """Apply a plan while copies of the disk are made before `steps` and after `delays`; return how many calls it made."""
    request = {"verb": "apply", "state": str(host.state), "plan": plan.to_json()}
    cutting = CUTTING.format(
        steps={at: str(disk.shelf / f"{name}.cut") for at, name in steps.items()}, disk=disk.image
    )
    clocks = [threading.Timer(after, disk.cut, (name,)) for after, name in delays.items()]
    agent = subprocess.Popen([sys.executable, "-"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    for one in clocks:
        one.start()
    said = agent.communicate(hooked(request, first=cutting, last=COUNTED))[0].decode()
    for one in clocks:
        one.join()
    assert (
        json.loads(said.partition(onhost_request.MARK)[2].partition("@@CALLS@@")[0])["state"] == "committed"
    ), said
    return int(said.rpartition("@@CALLS@@")[2])


def after_power_came_back(host: Little, disk: Disk, image: Path, before: str, after: str) -> str:
    """Boot from a copy: mount it, let the agent recover as at boot, and return `old` or `new`, or what is torn."""
    with disk.mounted(image):
        host.installed("recover", boot=True)
        host.installed("recover")
        now = digest(host.etc)
        if now not in (before, after):
            return f"torn: {sorted(str(p.relative_to(host.etc)) for p in host.etc.rglob('*'))}"
        left = [row for row in host.installed("status")["transactions"] if not row["tidy"]]
        return f"torn: {left}" if left else "new" if now == after else "old"
