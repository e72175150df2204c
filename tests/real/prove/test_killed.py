"""A proof run that is killed leaves neither a server nor a worker behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.support.places import ROOT
from tests.support.tls import servers
from tests.support.waiting import until

PROVE = ROOT / "tests/prove/prove.py"


def _running(mark: str) -> list[int]:
    """Return the processes that were started with this folder for temporary files: workers, and their servers."""
    found = []
    for path in Path("/proc").glob("[0-9]*/environ"):
        try:
            given = path.read_bytes().decode("utf-8", "replace")
        except OSError:
            continue
        if f"TMPDIR={mark}" in given and int(path.parent.name) != os.getpid():
            found.append(int(path.parent.name))
    return found


def _started(mark: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, str(PROVE), "redis", "--jobs", "1", "--table", "/dev/null", "--report", "/dev/null"],
        env=os.environ | {"TMPDIR": mark},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


_BUSY = 3
"""The run itself, a worker and its server."""


@pytest.mark.skipif(sys.platform != "linux", reason="asks /proc")
@pytest.mark.parametrize("sign", [signal.SIGTERM, signal.SIGKILL])
def test_killed_it_leaves_no_server(tmp_path: Path, sign: signal.Signals) -> None:
    servers.needed("redis")
    mark = str(tmp_path / "work")
    os.mkdir(mark, 0o755)  # noqa: PTH102 - the text of the path is what matters here
    tmp_path.chmod(0o755)
    process = _started(mark)
    try:
        end, busy = time.monotonic() + 60, 0
        while busy < _BUSY and time.monotonic() < end:
            if (
                process.poll() is not None
            ):  # a server lives for moments, and a busy machine may look at none of them
                process = _started(mark)
            busy = max(busy, len(_running(mark)))
        assert busy >= _BUSY, "no server was started"
    finally:
        process.send_signal(sign)
        process.wait(timeout=10)
    until(lambda: not _running(mark), 15, what="the end of every server and worker")
