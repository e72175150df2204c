"""One bundle on one worker: fetched into a file without a name, examined in a process of its own.

The process of its own may fork for the other cores, which a worker full of threads may not, and when it dies it costs
this bundle, not the worker.
"""

from __future__ import annotations

import ctypes
import os
import pickle
import signal
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

from bundle.cluster.task import Task, WorkerAnswer, version
from bundle.walk.spill import nameless
from hardening.errors import HardeningError

GRACE = 900.0
"""Seconds for fetching, beside the time the limits give to the walk."""
BLOCK = 4 << 20
DAY = 86400.0
"""Seconds for a folder without `--max-seconds-total`: each archive in it has `--max-seconds`."""


def _most(task: Task) -> float:
    """Return the seconds that the limits give to the walk."""
    one = DAY if Path(task.url).is_dir() else task.limits.seconds
    return min(one, task.limits.seconds_total)


def perform(task: Task) -> WorkerAnswer:
    """Examine one bundle; runs on the worker, and never raises for what the bundle is."""
    here = version()
    if here != task.version:
        return WorkerAnswer(
            None, f"the worker runs aspect-hardening {here}, this machine {task.version}", "version"
        )
    command = [sys.executable, "-P", "-m", "bundle.cluster.work"]
    try:
        done = subprocess.run(
            command,
            input=pickle.dumps(task),
            stdout=subprocess.PIPE,
            timeout=_most(task) + GRACE,
            check=False,
        )
    except subprocess.TimeoutExpired as late:
        return WorkerAnswer(None, f"was given up after {late.timeout:.0f} seconds", "limit-time")
    if done.returncode or not done.stdout:
        code = done.returncode
        return WorkerAnswer(
            None, f"ended its process with {f'signal {-code}' if code < 0 else f'code {code}'}", "crashed"
        )
    answer: WorkerAnswer = pickle.loads(done.stdout)  # noqa: S301 - our own process wrote it
    return answer


def examine(task: Task) -> WorkerAnswer:
    """Fetch and audit, in the process of its own."""
    from bundle.audit import audit
    from bundle.detect import detectors

    with tempfile.TemporaryDirectory(prefix="harden-rules-") as folder:
        rules = []
        for number, (name, content) in enumerate(task.rules):
            path = Path(folder) / str(number) / name
            path.parent.mkdir()
            path.write_bytes(content)
            rules.append(path)
        try:
            looking = detectors(rules, Path(task.osv) if task.osv else None, key=task.key)
            path_of = fetched(task.url, task.limits.spill)
            run = audit(
                path_of,
                detectors=looking,
                limits=task.limits,
                passwords=task.passwords,
                jobs=task.jobs,
                cache=task.cache,
                called={path_of: task.url},
            )
        except HardeningError as problem:
            return WorkerAnswer(None, str(problem), "unreadable")
        except TooLargeError as problem:
            return WorkerAnswer(None, str(problem), "limit-spill")
        except (OSError, ImportError, ValueError) as problem:
            return WorkerAnswer(None, f"cannot be fetched: {_word(problem)}", "unreadable")
    return WorkerAnswer(run)


class TooLargeError(Exception):
    """The object is larger than the spill file may become."""


def fetched(url: str, most: int) -> str:
    """Return a path under which the object's bytes lie: its own, or that of a file that has no other name."""
    if "://" not in url:
        return url
    import fsspec

    fd = nameless()
    with fsspec.open(url, "rb").open() as remote, os.fdopen(os.dup(fd), "wb") as copy:
        _copy(remote, copy, most)
    return f"/proc/{os.getpid()}/fd/{fd}"


def _copy(remote: IO[bytes], copy: IO[bytes], most: int) -> None:
    size = 0
    while block := remote.read(BLOCK):
        size += len(block)
        if size > most:
            raise TooLargeError(f"has more than the {most} bytes of --max-spill")
        copy.write(block)


def _word(problem: BaseException) -> str:
    """Return one line: what libraries say of failures may have many, and addresses with keys in them."""
    reason: Any = getattr(problem, "strerror", None) or str(problem) or type(problem).__name__
    return str(reason).splitlines()[0][:200]


def main() -> None:
    """Read a task from standard input, write an answer to standard output."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG: a killed worker leaves nothing running
    task: Task = pickle.load(sys.stdin.buffer)  # noqa: S301 - the worker that started this process wrote it
    out = os.dup(1)
    os.dup2(2, 1)  # whatever a library prints is no part of the answer
    body = pickle.dumps(examine(task))
    with os.fdopen(out, "wb") as answer:
        answer.write(body)


if __name__ == "__main__":
    main()
