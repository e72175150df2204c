"""The host's programs, compiled once and forked for every question: what a chaos trial asks a dozen times.

The same code as what travels, without the start of a Python each time.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from hardening.host import stream
from hardening.upgrade import carry

MEASURED = 120
"""Questions of one verb for which coverage keeps data."""

SERVER = """
import base64, json, os, signal, sys, types, zlib
codes = [(name, open(path, "rb").read(), path) for name, path in {programs!r}]
codes = [(name, text, compile(text, path, "exec")) for name, text, path in codes]
asked = {{}}
for line in sys.stdin:
    where, request = line.split(" ", 1)
    verb = json.loads(request)["verb"]
    asked[verb] = asked.get(verb, 0) + 1
    child = os.fork()
    if child == 0:
        try:
            out = os.open(where, os.O_WRONLY | os.O_CREAT, 0o600)
            os.dup2(out, 1)
            os.close(out)
            for name, text, code in codes:
                space = types.ModuleType(name)
                space.SOURCE = text
                sys.modules[name] = space
                if name == "aspect_upgrade":
                    space.REQUEST = base64.b64encode(zlib.compress(request.strip().encode())).decode()
                exec(code, space.__dict__)
            space.main()
            sys.stdout.flush()
            if asked[verb] > {measured}:  # each measured process leaves a file; polls come by the thousand
                os.kill(os.getpid(), signal.SIGKILL)
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    sys.stderr.write("\\n")
    sys.stderr.flush()
"""


class Quick:
    """A server that answers one question after the other."""

    def __init__(self) -> None:
        programs = [
            ("aspect_agent", str(stream.AGENT)),
            ("aspect_verifier", str(carry.VERIFIER)),
            ("aspect_upgrade", str(carry.UPGRADER)),
        ]
        self._server = subprocess.Popen(
            [sys.executable, "-c", SERVER.format(programs=programs, measured=MEASURED)],
            stdin=subprocess.PIPE, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True,
        )  # fmt: skip

    def ask(self, request: dict[str, Any]) -> dict[str, Any]:
        assert self._server.stdin is not None
        assert self._server.stderr is not None
        with tempfile.TemporaryDirectory() as folder:
            where = Path(folder) / "answer"
            self._server.stdin.write(f"{where} {json.dumps(request)}\n")
            self._server.stdin.flush()
            complaint = ""
            while (line := self._server.stderr.readline()) not in ("\n", ""):
                complaint += line
            return stream.answer(where.read_text(), complaint=complaint, where="the quick host")

    def stop(self) -> None:
        assert self._server.stdin is not None
        self._server.stdin.close()
        self._server.wait(20)
        assert self._server.stderr is not None
        self._server.stderr.close()
