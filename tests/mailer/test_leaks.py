"""No command at its highest verbosity, under any fault, lets the secret or a token out: output, arguments, environment, files."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from hardening.mailer.secret import Secret, forms, masked
from tests.mailer.conftest import Site
from tests.mailer.relayed import Relay

FAULTS = (
    None, ("token", (401, {"error": "invalid_client", "error_description": "AADSTS7000215: Invalid client secret"})), ("token", (503, b"<html>")),
    ("token", (200, b"<html>portal</html>")), ("token", "drop"), ("discovery", (400, {"error": "invalid_tenant"})),
    ("graph", (403, {"error": {"code": "ErrorAccessDenied"}})), ("graph", "reset"), ("smtp.auth", "535 5.7.3 Authentication unsuccessful"),
    ("smtp.auth", "drop"), ("smtp.dot", "554 5.2.252 SendAsDenied"), ("smtp.banner", "junk"),
)  # fmt: skip
COMMANDS = (
    ("guide",), ("guide", "--script"), ("check",), ("doctor", "-vv"), ("doctor", "--send", "--format", "json"),
    ("send", "--subject", "x", "--text", "x", "-vv"),
)  # fmt: skip


class Watch(threading.Thread):
    """Reads arguments and environments of every process that it sees."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.seen: list[bytes] = []
        self.over = threading.Event()

    def run(self) -> None:
        own = os.getpid()
        while not self.over.wait(0.03):
            for place in Path("/proc").glob("[0-9]*"):
                if int(place.name) != own:
                    for name in ("cmdline", "environ"):
                        try:
                            self.seen.append((place / name).read_bytes())
                        except OSError:
                            continue


def echoing(site: Site) -> None:
    """Let the far side say back what it was sent, as careless services do."""
    site.fake.fault(
        "token",
        (400, {"error": "invalid_request", "error_description": f"AADSTS9: client_secret={site.secret}"}),
        1,
    )


@pytest.mark.parametrize(
    "fault", FAULTS, ids=[str(f[0]) + str(n) if f else "none" for n, f in enumerate(FAULTS)]
)
def test_nothing_leaks(site: Site, fault: tuple[str, object] | None, tmp_path: Path) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    tokens: list[str] = []
    issue = site.fake.issue

    def noting(form: dict[str, str], tenant: str) -> tuple[int, dict[str, object]]:
        status, body = issue(form, tenant)
        tokens.append(str(body.get("access_token", "")))
        return status, body

    site.fake.issue = noting  # type: ignore[method-assign]  # the double notes what it gave
    watch = Watch()
    watch.start()
    said = b""
    environment = {**os.environ, "HARDEN_TRACEBACK": "1", "TMPDIR": str(scratch), "PYTHONDEVMODE": "1"}
    program = (
        "import sys; from hardening.cli import run\nfor line in sys.stdin: run(['mailer', *line.split()])"
    )
    lines = "\n".join(" ".join((*command, "-c", str(site.config))) for command in COMMANDS)
    if fault:
        site.fake.fault(*fault, 0)
    else:
        echoing(site)
    done = subprocess.run(
        [sys.executable, "-c", program],
        input=lines.encode(),
        capture_output=True,
        check=False,
        timeout=120,
        env=environment,
    )
    said += done.stdout + done.stderr
    relay = Relay(site, sys.executable).start(alarm_after=0)
    try:
        relay.submit("A-1")
        time.sleep(0.6)
        said += relay.run("status").stdout.encode()
    finally:
        relay.kill()
        watch.over.set()
        watch.join()
    kept = [
        p
        for folder in (scratch, site.folder)
        for p in folder.rglob("*")
        if p.is_file() and p.name != "mailer.secret"
    ]
    everything = said + b"".join(p.read_bytes() for p in kept) + b"".join(watch.seen)
    assert len(said) > 1000
    for secret in (site.secret, *(t for t in tokens if t)):
        for form in forms(secret):
            assert form.encode() not in everything


def test_a_secret_shows_itself_nowhere() -> None:
    import pickle

    secret = Secret("abc~DEF-123/+x")
    assert f"{secret} {secret!r} {secret:>5}".count("[secret]") == 3
    with pytest.raises(TypeError):
        pickle.dumps(secret)
    for form in forms(secret.reveal()):
        assert "[secret]" in masked(f"x {form} y", secret)
    assert "eyJ" not in masked("eyJhbGciOiJSUzI1NiJ9.eyJhIjoxfQ.c2ln")
