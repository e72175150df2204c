"""The upgrade's program for the host, the agent it stands on, and one request, as one program on standard input."""

from __future__ import annotations

import base64
import json
import zlib
from functools import cache
from pathlib import Path
from typing import Any

from hardening.host import stream

VERIFIER = stream.AGENT.with_name("verifier.py")
UPGRADER = Path(__file__).with_name("upgrader.py")

_BOOTSTRAP = """\
{alone}
import base64, sys, types, zlib
A = zlib.decompress(base64.b64decode("{agent}"))
M = types.ModuleType("aspect_agent")
M.SOURCE = A
exec(compile(A, "{agent_name}", "exec"), M.__dict__)
sys.modules["aspect_agent"] = M
V = "{verifier}"
if V:
    M = types.ModuleType("aspect_verifier")
    exec(compile(zlib.decompress(base64.b64decode(V)), "{verifier_name}", "exec"), M.__dict__)
    sys.modules["aspect_verifier"] = M
S = zlib.decompress(base64.b64decode("{source}"))
exec(compile(S, "{name}", "exec"), {{"__name__": "__main__", "SOURCE": S, "REQUEST": u"{request}"}})
"""


def program(request: dict[str, Any], *, local: bool = False) -> bytes:
    """Return the Python program (2.6 and later) that answers `request`.

    `local` names the sources by their files on this machine, so that coverage and tracebacks find them.
    """
    return _BOOTSTRAP.format(
        alone=stream.ALONE,
        agent=_packed(stream.AGENT.read_bytes()),
        agent_name=stream.AGENT if local else "aspect-agent",
        verifier=_packed(VERIFIER.read_bytes()) if request.get("verb") == "begin" else "",
        verifier_name=VERIFIER if local else "aspect-verifier",
        source=_packed(UPGRADER.read_bytes()),
        name=UPGRADER if local else "aspect-upgrade",
        request=_packed.__wrapped__(json.dumps(request).encode("ascii")),
    ).encode("ascii")


@cache
def _packed(data: bytes) -> str:
    return base64.b64encode(zlib.compress(data, 9)).decode("ascii")
