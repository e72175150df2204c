"""The host's programs, compiled once and forked for every question: what a chaos trial asks a dozen times.

The same code as what travels, without the start of a Python each time.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

from hardening import packing
from hardening.host import onhost_request

MEASURED = 40
"""Questions of one verb that are asked of the measured server."""

SERVER = """
import os
sys.meta_path.insert(0, Loader(PACK))
program = __import__({program!r}, {{}}, {{}}, ["answer_to"])
for line in sys.stdin:
    where, request = line.split(" ", 1)
    child = os.fork()
    if child == 0:
        try:
            out = os.open(where, os.O_WRONLY | os.O_CREAT, 0o600)
            os.dup2(out, 1)
            os.close(out)
            print({mark!r} + json.dumps(program.answer_to(json.loads(request))))
            sys.stdout.flush()
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    sys.stderr.write("\\n")
    sys.stderr.flush()
"""


class Quick:
    """Two servers that answer one question after the other: one that coverage measures, and one for all that is asked often.

    Each measured answer leaves a file and takes many times as long, and a host is polled by the thousand.
    """

    def __init__(self) -> None:
        self._asked: Counter[str] = Counter()
        plain = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE")}
        self._measured, self._often = _server(dict(os.environ)), _server(plain)

    def ask(self, request: dict[str, Any]) -> dict[str, Any]:
        self._asked[request["verb"]] += 1
        server = self._measured if self._asked[request["verb"]] <= MEASURED else self._often
        assert server.stdin is not None
        assert server.stderr is not None
        with tempfile.TemporaryDirectory() as folder:
            where = Path(folder) / "answer"
            server.stdin.write(f"{where} {json.dumps(request)}\n")
            server.stdin.flush()
            complaint = ""
            while (line := server.stderr.readline()) not in ("\n", ""):
                complaint += line
            return onhost_request.answer(where.read_text(), complaint=complaint, where="the quick host")

    def stop(self) -> None:
        for server in (self._measured, self._often):
            assert server.stdin is not None
            server.stdin.close()
            server.wait(20)
            assert server.stderr is not None
            server.stderr.close()


def _server(environment: dict[str, str]) -> subprocess.Popen[str]:
    head = packing.stream(onhost_request.UPGRADER, {}, local=True).decode().rpartition("start(PACK")[0]
    with tempfile.NamedTemporaryFile("w", suffix=".py", delete=False) as program:
        program.write(head + SERVER.format(program=onhost_request.UPGRADER, mark=onhost_request.MARK))
    start = f"import os; text = open({program.name!r}).read(); os.unlink({program.name!r}); exec(text)"
    return subprocess.Popen(
        [sys.executable, "-c", start],
        stdin=subprocess.PIPE, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True, env=environment,
    )  # fmt: skip
