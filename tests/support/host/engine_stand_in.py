"""An invented stand-in for the control engine: it reads its port from its configuration once, and listens."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.support.waiting import listens, until

SOURCE = """#!{python}
import re, socket, sys, time
port = int(re.search(r"engine.port=(\\d+)", open(sys.argv[1]).read()).group(1))
listener = socket.socket()
listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
listener.bind(("127.0.0.1", port))
listener.listen(5)
time.sleep(600)
"""


@dataclass
class Engine:
    """The stand-in under `root`; `process` is the name the kernel knows it by."""

    root: Path
    port: int
    running: subprocess.Popen[bytes] | None = None
    process = "engine-stand-in"

    def __post_init__(self) -> None:
        self.root.mkdir(parents=True, exist_ok=True)
        self.config.write_text(f"# settings\nname=site\nengine.port={self.port}\n")
        (self.root / "client.ini").write_text(f"[link]\nurl=tcp://127.0.0.1:{self.port}\n")
        self.program.write_text(SOURCE.format(python=sys.executable))
        self.program.chmod(0o755)
        self.start()

    @property
    def config(self) -> Path:
        return self.root / "engine.properties"

    @property
    def program(self) -> Path:
        return self.root / self.process

    @property
    def restart_script(self) -> str:
        """Return a program that restarts the stand-in, as its service would."""
        path = self.root / "restart"
        path.write_text(
            f"#!/bin/sh\nkill $(cat {self.root}/pid); sleep 0.2\n"
            f"setsid {self.program} {self.config} </dev/null >/dev/null 2>&1 & echo $! > {self.root}/pid\n"
        )
        path.chmod(0o755)
        return str(path)

    def start(self) -> None:
        self.running = subprocess.Popen([self.program, self.config], start_new_session=True)
        (self.root / "pid").write_text(str(self.running.pid))
        port = int(self.config.read_text().rpartition("=")[2])
        until(lambda: listens(port), 10, 0.02, f"listening on {port}")

    def stop(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(int((self.root / "pid").read_text()), signal.SIGTERM)
        if self.running is not None:
            self.running.terminate()
            self.running.wait(10)

    def end(self) -> None:
        """Stop it for good, and take away what the guard of a change that failed would try again for an hour."""
        self.stop()
        for state in (self.root / "state", self.root.parent / "state"):
            shutil.rmtree(state, ignore_errors=True)

    def restart(self) -> None:
        self.stop()
        self.start()
