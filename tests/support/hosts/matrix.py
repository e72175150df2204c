"""Every step of a transaction times every fault, on hosts that boot: what each cell does, and what must be true after it.

The agent's own functions are its steps. A streamed agent stops in front of the K-th of them, the fault comes, and it goes
on. Disks are real: the host's own file system (ext4 on a loop device) is filled, or made read-only by an error of the kernel.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import os
import signal
import stat
import subprocess
import textwrap
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hardening.host import onhost_request
from tests.support.host.onhost import hooked
from tests.support.hosts.chaos import cut, inside
from tests.support.hosts.fleet import CONTROL, Box, Fleet, base, call

HOOKED = textwrap.dedent("""
    import os, signal, time
    AT, PID, STEPS = {at}, os.getpid(), []
    mark = open("{folder}/matrix.pid", "w")
    mark.write(str(PID))
    mark.close()

    def step(name):
        if os.getpid() != PID:
            return
        STEPS.append(name)
        if len(STEPS) == AT:
            if {die}:
                os.kill(PID, signal.SIGKILL)
            open("{folder}/matrix.at", "w").close()
            while not os.path.exists("{folder}/matrix.go"):
                time.sleep(0.01)

    def named(name, real, word=lambda *args: ""):
        def call(*args, **more):
            step((name + " " + word(*args)).strip())
            return real(*args, **more)
        return call

    def program(argv, *rest):
        return argv[0].split("/")[-1].replace("systemctl", "the init system").replace("service", "the init system")
""")
"""What stops in front of the AT-th step until somebody lets it go on, or dies there."""

LOADED = textwrap.dedent("""
    for name, words in (("recover", "look for what was left"), ("install", "keep the agent"), ("compare", "compare"),
                        ("validate_staged", "judge the staged files"), ("check_room", "look for room"), ("back_up", "copy"),
                        ("post_guard", "guard"), ("stage", "write beside"), ("swap", "rename"),
                        ("sync_all", "sync the folders"), ("probe_or_fail", "probe"), ("tidy", "tidy")):
        every(name, lambda real, words=words: named(words, real))
    every("run", lambda real: named("run", real, program))
    from hardening.onhost.shared.journal import Transaction
    Transaction.create = named("manifest", Transaction.create)
    Transaction.record = named("journal", Transaction.record, lambda self, event: event)
""")
LAST = 'sys.stdout.write("\\n@@STEPS@@" + ",".join(STEPS))'

QUIET = ("var/log/", "var/lib/mysql/", "var/lib/systemd/", "var/lib/aspect-hardening", "var/cache/", "run/", "tmp/", "var/tmp/",
         "root/.ansible", "etc/machine-id", "etc/resolv.conf", "etc/mtab", "etc/.pwd.lock", "var/lib/urandom", "dev/")  # fmt: skip
"""Where a host writes by itself, and the agent's own folder."""

Row = tuple[str, int, int, int, str]
"""Kind, mode, owner, group, content of one path."""


def program(request: dict[str, Any], *, at: int, die: bool = False, folder: str = "/run") -> bytes:
    """Return the streamed agent that stops in front of its `at`-th step (0: of none)."""
    first = HOOKED.format(at=at, die=die, folder=folder)
    return hooked(request, first=first, loaded=LOADED, last=LAST)


def row(path: Path) -> Row | None:
    """Return what an operator can tell of one path; None where there is nothing."""
    try:
        status = path.lstat()
    except OSError:
        return None
    kind = stat.S_IFMT(status.st_mode)
    content = ""
    if stat.S_ISREG(kind):
        content = hashlib.sha256(path.read_bytes()).hexdigest()
    elif stat.S_ISLNK(kind):
        content = str(path.readlink())
    return oct(kind), stat.S_IMODE(status.st_mode), status.st_uid, status.st_gid, content


@dataclass
class Tree:
    """A whole host's tree: what differs from the tree that all hosts share, and what is there now."""

    box: Box

    def look(self) -> dict[str, Row | None]:
        """Return every path that ever differed from the shared tree, as it is now."""
        upper, root = self.box.folder / "upper", self.box.root
        found: dict[str, Row | None] = {}
        for folder, folders, names in os.walk(upper):
            for name in [*folders, *names]:
                path = str(Path(folder, name).relative_to(upper))
                if not f"{path}/".startswith(QUIET) and not path.startswith(QUIET):
                    found[path] = row(root / path)
        return found

    def changes(self, before: dict[str, Row | None], now: dict[str, Row | None]) -> dict[str, Row | None]:
        """Return the paths that are not what they were, as they are now."""
        shared = base(self.box.kind.init)
        found = {}
        for path in before.keys() | now.keys():
            was = before[path] if path in before else row(shared / path)
            has = now[path] if path in now else row(self.box.root / path)
            if was != has:
                found[path] = has
        return found


class Disk:
    """A host's own file system, on a loop device, which can be filled and can fail."""

    def __init__(self, folder: Path, image: Path) -> None:
        self.folder, self.image = folder, image
        with image.open("wb") as out:
            out.truncate(3 << 30)
        call("mkfs.ext4", "-q", "-F", "-m", "0", image)
        folder.mkdir(parents=True)
        self.mount()

    def mount(self) -> None:
        """Mount it by a device of its own: `mount -o loop` would take an older one that a namespace still holds."""
        self.device = Path(call("losetup", "--find", "--show", self.image).stdout.strip())
        assert call("e2fsck", "-fy", self.device, check=False).returncode in (0, 1, 2)
        call("mount", "-o", "errors=remount-ro", self.device, self.folder)
        call("losetup", "--detach", self.device)  # once nobody has it mounted any more

    def fill(self) -> None:
        """Take every block that is left."""
        free = os.statvfs(self.folder)
        size = free.f_bavail * free.f_frsize
        call("fallocate", "-l", str(max(4096, size - (1 << 20))), self.folder / "filler", check=False)
        for number in range(64):
            block = 1 << 20 if number < 8 else 4096
            with contextlib.suppress(OSError), (self.folder / f"filler{number}").open("wb", 0) as out:
                while out.write(b"x" * block):
                    pass
            free = os.statvfs(self.folder)
            if free.f_bavail == 0:
                break

    def free(self) -> None:
        for path in self.folder.glob("filler*"):
            path.unlink()

    def fail(self) -> None:
        """Let the kernel see an error of the file system: it is read-only from now on, until it was checked."""
        Path("/sys/fs/ext4", self.device.name, "trigger_fs_error").write_text("1")

    def check(self) -> None:
        """Check and repair it as the boot after such an error does; it is mounted again."""
        call("umount", "-l", self.folder)
        deadline = time.monotonic() + 60
        while call(
            "losetup", "-j", self.image
        ).stdout.strip():  # its buffers would be written over what the check repairs
            assert time.monotonic() < deadline, (
                "somebody still has the disk mounted: run the matrix with no other hosts"
            )
            time.sleep(0.1)
        self.mount()

    def gone(self) -> None:
        call("umount", "-l", self.folder, check=False)
        self.image.unlink()


@dataclass
class Cell:
    """One transaction on one host, one step, one fault."""

    fleet: Fleet
    box: Box
    disk: Disk
    turn: int
    at: int
    """The step in front of which the fault comes; 0: nowhere."""
    steps: list[str] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    squatter: subprocess.Popen[bytes] | None = None
    tx: str = ""

    # -- the transaction -----------------------------------------------------------------------------

    @property
    def port(self) -> int:
        """Return the port that the changed httpd listens on beside 443: not the one that it has now."""
        return 9444 if "9443" in (self.box.root / "etc/httpd/conf.d/matrix.conf").read_text() else 9443

    def prepare(self) -> None:
        """Note the plan: it depends on what the turn before left."""
        port, folders = self.port, sorted((self.box.root / "etc/matrix.d").iterdir())
        self.texts = {
            "etc/httpd/conf.d/matrix.conf": f"# turn {self.turn}\nListen {port}\n",
            f"etc/matrix.d/{self.turn}.d/x.conf": f"{self.turn}\n",
        }
        self.removed = [f"etc/matrix.d/{one.name}" for one in folders]
        self.flag = f"var/matrix/{self.turn}"
        self.plan: dict[str, Any] = {
            "label": f"matrix {self.turn}",
            "files": [
                {"path": f"/{path}", "content": base64.b64encode(text.encode()).decode(), "mkdir": True}
                for path, text in self.texts.items()
            ],
            "remove": [{"path": f"/{path}"} for path in self.removed],
            "commands": [{"name": "flag", "do": ["/usr/bin/touch", f"/{self.flag}"], "undo": ["/bin/rm", "-f", f"/{self.flag}"]}],
            "validators": [
                {"name": "httpd", "argv": ["/usr/sbin/httpd", "-t"]},
                {"name": "site", "argv": ["/usr/bin/test", "!", "-e", "/run/matrix.no"]},
            ],
            "services": [{"name": "httpd", "action": "reload"}],
            "probes": [{"kind": "tcp", "port": 443, "wait": 2}, {"kind": "listen", "port": port, "process": "apache2", "wait": 2}],
            "settle": 0.3, "install": True, "deadman": 4, "keep": 3,
        }  # fmt: skip

    def start(self, at: int, *, die: bool = False, **request: Any) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            ["ip", "netns", "exec", CONTROL, "ssh", *self.fleet.options, f"root@{self.box.address}", f"{self.box.python} -"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
        )  # fmt: skip
        assert process.stdin is not None
        process.stdin.write(program(request, at=at, die=die))
        process.stdin.close()
        process.stdin = None
        return process

    def heard(self, process: subprocess.Popen[bytes]) -> dict[str, Any]:
        """Return the agent's answer; {} where it or the connection died."""
        try:
            out, err = process.communicate(timeout=60)
        except subprocess.TimeoutExpired:
            cut(process)
            raise AssertionError("the agent did not end") from None
        text, _, steps = out.decode("utf-8", "replace").partition("\n@@STEPS@@")
        self.said.append(text + err.decode("utf-8", "replace"))
        self.steps += [one for one in steps.split(",") if one]
        try:
            return onhost_request.answer(text)
        except Exception:  # noqa: BLE001 - it died in the middle of its answer
            return {}

    def run(self, fault: Callable[[Cell, subprocess.Popen[bytes]], bool] | None, *, die: bool = False, before: int = 0) -> None:  # fmt: skip
        """Apply and confirm; `fault` comes in front of the step and says whether anybody still listens to the agent.

        `before` is how many steps the first of the two programs has.
        """
        self.prepare()
        for verb in ("apply", "confirm"):
            at = self.at if verb == "apply" else max(0, self.at - before)
            request = (
                {"verb": "apply", "plan": self.plan}
                if verb == "apply"
                else {"verb": "confirm", "id": self.tx}
            )
            process = self.start(at, die=die, **request)
            if at and not die and self.reached(process):
                assert fault is not None
                listens = fault(self, process)
                if self.box.process is not None:
                    with contextlib.suppress(
                        OSError, IndexError
                    ):  # a host that boots has no first process yet
                        (self.inner / "run/matrix.go").touch()
                if not listens:
                    return
            answer = self.heard(process)
            if answer.get("state") != "applied":
                return
            self.tx = answer["tx"]

    @property
    def inner(self) -> Path:
        """Return the root of the host as its first process sees it, with its own /run."""
        assert self.box.process is not None
        first = Path(f"/proc/{self.box.process.pid}/task/{self.box.process.pid}/children").read_text().split()[0]  # fmt: skip
        return Path(f"/proc/{first}/root")

    def reached(self, process: subprocess.Popen[bytes]) -> bool:
        """Wait until the agent stands in front of the step; False where it ended before."""
        mark, deadline = self.inner / "run/matrix.at", time.monotonic() + 60
        while time.monotonic() < deadline:
            if mark.exists():
                return True
            if process.poll() is not None:
                return False
            time.sleep(0.005)
        raise AssertionError("the step was not reached")

    # -- the faults ----------------------------------------------------------------------------------

    def controller_killed(self, process: subprocess.Popen[bytes]) -> bool:
        """Its connection ends with it."""
        cut(process)
        return False

    def disk_full(self, _: subprocess.Popen[bytes]) -> bool:
        self.disk.fill()
        return True

    def disk_read_only(self, process: subprocess.Popen[bytes]) -> bool:
        """The kernel saw an error; once the agent has failed, somebody switches the host off and on, which checks the disk."""
        self.disk.fail()
        (self.inner / "run/matrix.go").touch()
        self.heard(process)
        self.box.kill()
        call("umount", self.box.root)
        self.disk.check()
        self.box.mount()
        self.box.boot()
        return False

    def validator_fails(self, _: subprocess.Popen[bytes]) -> bool:
        (self.inner / "run/matrix.no").touch()
        return True

    def port_taken(self, _: subprocess.Popen[bytes]) -> bool:
        line = (
            "import socket, time; s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1); "
            f"s.bind(('0.0.0.0', {self.port_wanted})); s.listen(1); print('mine', flush=True); time.sleep(600)"
        )
        self.squatter = subprocess.Popen(
            ["ip", "netns", "exec", self.box.namespace, "python3", "-c", line],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        assert self.squatter.stdout is not None
        self.squatter.stdout.readline()  # empty where httpd has it already
        return True

    @property
    def port_wanted(self) -> int:
        return int(self.texts["etc/httpd/conf.d/matrix.conf"].split()[-1])

    def service_dies(self, _: subprocess.Popen[bytes]) -> bool:
        inside(self.box, "pkill -9 apache2")
        return True

    def ssh_cut(self, process: subprocess.Popen[bytes]) -> bool:
        """The network is away for longer than the dead man's switch waits."""
        link = ("ip", "-n", CONTROL, "link", "set", f"v{self.box.number}")
        call(*link, "down")
        (self.inner / "run/matrix.go").touch()
        time.sleep(6)
        call(*link, "up")
        cut(process)
        return False

    def host_killed(self, process: subprocess.Popen[bytes]) -> bool:
        self.box.kill()
        cut(process)
        self.box.boot()
        return False

    # -- what must be true afterwards ----------------------------------------------------------------

    def journals(self) -> Iterator[list[dict[str, Any]]]:
        for path in (self.box.root / "var/lib/aspect-hardening/tx").glob("*/journal"):
            with contextlib.suppress(OSError, ValueError):
                text = path.read_text("utf-8", "replace").strip("\0\n")
                yield [json.loads(line) for line in text.splitlines() if line.strip()]

    def over(self) -> bool:
        """Whether the agent has ended and no transaction of the host waits for anything."""
        with contextlib.suppress(OSError, ValueError):
            pid = int((self.inner / "run/matrix.pid").read_text())
            if (self.inner / "proc" / str(pid)).exists():
                return False
        for events in self.journals():
            names = [one["event"] for one in events]
            if {"open", "applied"} & set(names) and not {"tidy", "rolled-back"} & set(names):
                return False
            if names and events[-1].get("owed"):
                return False
        return True

    def wanted(self, changes: dict[str, Row | None]) -> bool:
        """Whether exactly what the plan says has changed."""
        folder = f"etc/matrix.d/{self.turn}.d"
        gone = {path for path, now in changes.items() if now is None}
        here = {path: now for path, now in changes.items() if now is not None}
        return (
            set(here) == {*self.texts, folder, self.flag}
            and all(path.startswith(tuple(self.removed)) for path in gone)
            and set(self.removed) <= gone
            and all(
                here[path][4] == hashlib.sha256(text.encode()).hexdigest()
                for path, text in self.texts.items()
            )
        )

    def serves(self) -> bool:
        done = self.fleet.here("curl", "-sk", "--max-time", "3", "-o", "/dev/null", f"https://{self.box.address}/", check=False)  # fmt: skip
        return done.returncode == 0

    def ended(self, before: dict[str, Row | None], *, started: bool = False) -> str:
        """Return `old` or `new`: the whole tree, no journal open, httpd answering. Anything else is an AssertionError."""
        deadline, tree = time.monotonic() + 90, Tree(self.box)
        changes = tree.changes(before, tree.look())
        while not (self.over() and (not changes or self.wanted(changes))):
            assert time.monotonic() < deadline, (
                f"neither old nor new: {changes}; journals {list(self.journals())[-1:]}"
            )
            time.sleep(0.1)
            changes = tree.changes(before, tree.look())
        state = "new" if changes else "old"
        refused = any("and cannot be reloaded" in said for said in self.said)
        if started and (state == "new" or refused) and not self.serves():
            inside(
                self.box, "service httpd restart"
            )  # it was killed after the transaction was over, or before it began
        while not self.serves():
            assert time.monotonic() < deadline, "httpd does not answer"
            time.sleep(0.2)
        assert not any("Traceback" in said for said in self.said), self.said
        return state


FAULTS: dict[str, Callable[[Cell, subprocess.Popen[bytes]], bool] | None] = {
    "agent killed": None,
    "controller killed": Cell.controller_killed,
    "disk full": Cell.disk_full,
    "disk read-only": Cell.disk_read_only,
    "validator fails": Cell.validator_fails,
    "port taken": Cell.port_taken,
    "service dies": Cell.service_dies,
    "ssh cut": Cell.ssh_cut,
    "host killed": Cell.host_killed,
}


def lay_out(box: Box) -> None:
    """Put on a host what the transactions change."""
    box.put("etc/httpd/conf.d/matrix.conf", "# turn 0\nListen 9443\n")
    (box.root / "etc/matrix.d/0.d").mkdir(parents=True)
    (box.root / "var/matrix").mkdir()


@dataclass
class Matrix:
    """One host and all its cells."""

    fleet: Fleet
    box: Box
    disk: Disk
    turn: int = 0

    def cell(self, at: int) -> Cell:
        self.turn += 1
        return Cell(self.fleet, self.box, self.disk, self.turn, at)

    def steps(self) -> tuple[list[str], list[str]]:
        """Return the steps of the two programs, as one undisturbed transaction takes them."""
        self.cell(10**6).run(None, die=True)  # the first one also keeps the agent on the host
        cell = self.cell(10**6)
        before = Tree(self.box).look()
        cell.run(None, die=True)
        assert cell.ended(before) == "new"
        confirm = len(cell.steps) - 1 - cell.steps[::-1].index("journal applied")
        return cell.steps[: confirm + 1], cell.steps[confirm + 1 :]

    def interrupted(self, fault: str, at: int, before: int) -> str:
        """Run one cell; return what the host ended as. `before`: how many steps come before the confirmation."""
        cell = self.cell(at)
        self.clear()
        call(
            "sync", "-f", self.disk.folder
        )  # what the layout and the cell before wrote; the agent has to do it by itself
        tree = Tree(self.box).look()
        act = FAULTS[fault]
        try:
            cell.run(act, die=act is None, before=before)
            if fault in ("ssh cut", "host killed", "disk read-only"):
                self.fleet.wait(self.box, 90)
            return cell.ended(tree, started=fault == "service dies")
        except (AssertionError, subprocess.CalledProcessError) as problem:
            raise AssertionError(
                f"{self.box.name}, {fault}, step {at}: {problem}; said {cell.said}"
            ) from problem
        finally:
            if cell.squatter is not None:
                cell.squatter.send_signal(signal.SIGKILL)
                cell.squatter.communicate()
            self.disk.free()
            if self.box.process is not None:
                self.clear()

    def clear(self) -> None:
        """Take away what the cell before left in the host's /run."""
        for path in (self.cell_root / "run").glob("matrix.*"):
            path.unlink(missing_ok=True)

    @property
    def cell_root(self) -> Path:
        return Cell(self.fleet, self.box, self.disk, 0, 0).inner
