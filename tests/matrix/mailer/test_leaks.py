"""No command at its highest verbosity, under any fault, lets a secret or a token out.

Searched: all output, arguments and environments of every process, journals (a syslog socket, the relay's spool, alarm
file and webhook) and temporary files; for each value as it is, in Base64 at every alignment, and URL-quoted.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from tests.real.mailer.test_leaks import COMMANDS, SOME, Bench, attacked
from tests.support.mailer.fixtures import Site

MORE: tuple[tuple[str, Any], ...] = (
    ("token", 400), ("graph", 403),
    ("token", (401, {"error": "invalid_client", "error_description": "AADSTS7000215: Invalid client secret"})), ("token", (503, b"<html>")),
    ("token", (200, b"<html>portal</html>")), ("token", "drop"), ("token", "reset"), ("token", 401), ("token", 500),
    ("discovery", (400, {"error": "invalid_tenant"})), ("discovery", "drop"), ("discovery", (200, b"<html>")),
    ("graph", (403, {"error": {"code": "ErrorAccessDenied"}})), ("graph", "reset"), ("graph", "drop"), ("graph", 401), ("graph", 500),
    ("graph", (429, {}, {"Retry-After": "0"})), ("graph.accepted", "drop"),
    ("smtp.auth", "535 5.7.3 Authentication unsuccessful"), ("smtp.auth", "drop"), ("smtp.auth", "454 4.7.0 ECHO"), ("smtp.auth", "334 ECHO"),
    ("smtp.dot", "554 5.2.252 SendAsDenied"), ("smtp.banner", "junk"), ("smtp.mail", "reset"), ("smtp.accepted", "reset"),
)  # fmt: skip


def test_nothing_leaks_under_any_fault(site: Site, tmp_path: Path) -> None:
    bench = Bench(site, tmp_path)
    runs, hits = 0, []
    for fault in (*SOME, *MORE):
        count, leaked = attacked(bench, fault)
        runs += count
        hits += [(fault, one) for one in leaked]
    sys.stderr.write(
        f"\n{len(COMMANDS)} commands and the relay by three ways to TLS x {len(SOME) + len(MORE)} faults: {runs} runs, "
        f"{len(bench.spellings())} spellings of {len(bench.tokens)} tokens and 3 secrets searched, {len(hits)} hits\n"
    )
    assert hits == []
