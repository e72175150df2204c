"""No command at its highest verbosity, under any fault, lets a secret or a token out.

Searched: all output, arguments and environments of every process, journals (a syslog socket, the relay's spool, alarm
file and webhook) and temporary files; for each value as it is, in Base64 at every alignment, and URL-quoted.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from hardening.mailer.secret import Secret, forms, masked
from tests.support.mailer.fixtures import Site
from tests.support.mailer.relayed import Relay
from tests.unit.mailer.test_relay_alarms import hooked
from tests.unit.mailer.test_send import certificate

SOME: tuple[tuple[str, Any] | None, ...] = (
    None, ("smtp.auth", "535 5.7.3 Authentication unsuccessful ECHO"),
)  # fmt: skip
"""`None` is no fault; a bare status is a service that says back what it was sent."""
COMMANDS = (
    "guide", "guide --format markdown", "guide --format html", "guide --script", "check -vv", "check --format json", "doctor -vv",
    "doctor --dry-run --format sarif -vv", "doctor --send --format json -vv", "doctor --offline --format html -vv",
    "send --subject x --text x -vv", "send --subject x --text x -vv --transport smtp", "send --subject x --text x -vv --transport graph --json",
    "rotate --dry-run", "render relay -o {scratch}/host",
)  # fmt: skip
PROGRAM = (
    "import sys\nfrom hardening.cli import run\nfor line in sys.stdin:\n    run(['mailer', *line.split()])\n"
)
WRAPPER = '#!/bin/sh\n{ echo "$0" "$@"; env; } >>{log}\nexec {real} "$@"\n'


class Watch(threading.Thread):
    """Reads arguments and environments of every process that it sees."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.seen: set[bytes] = set()
        self.over = threading.Event()

    def run(self) -> None:
        own = os.getpid()
        while not self.over.wait(0.02):
            for place in Path("/proc").glob("[0-9]*"):
                if int(place.name) != own:
                    for name in ("cmdline", "environ"):
                        try:
                            self.seen.add((place / name).read_bytes())
                        except OSError:
                            continue


class Bench:
    """One site with everything that is secret in it, and everything that could show it."""

    def __init__(self, site: Site, folder: Path) -> None:
        self.site, self.scratch = site, folder / "scratch"
        self.scratch.mkdir()
        self.tokens: list[str] = []
        made, key, parsed = certificate(site.folder)
        self.key = "".join(key.read_text().split("-----")[2].split())[:600]
        site.app.certificates.append(parsed)
        site.fake.proxy_auth = self.proxy = "me:pw~Long/+Word9"
        site.fake.per_minute = 10**6
        site.write(
            next_credential={"certificate_file": made.name, "key_file": key.name},
            proxy={"url": f"http://me:pw~Long%2F%2BWord9@127.0.0.1:{site.fake.proxy}"}, timeout=2,
        )  # fmt: skip
        issue = site.fake.issue

        def noting(form: dict[str, str], tenant: str) -> tuple[int, dict[str, Any]]:
            status, body = issue(form, tenant)
            self.tokens += [str(body.get("access_token", "")), form.get("client_assertion", "")]
            return status, body

        site.fake.issue = noting  # type: ignore[method-assign]  # the double notes what it gave
        self.programs = folder / "programs"
        self.programs.mkdir()
        for name in ("openssl", "curl"):
            log, real = self.scratch / "programs.log", shutil.which(name)
            (self.programs / name).write_text(WRAPPER.replace("{log}", str(log)).replace("{real}", str(real)))
            (self.programs / name).chmod(0o755)

    def commands(self) -> bytes:
        """Run every command, and return what they said."""
        environment = {
            **os.environ, "HARDEN_TRACEBACK": "1", "TMPDIR": str(self.scratch), "PYTHONDEVMODE": "1",
            "PATH": f"{self.programs}:{os.environ['PATH']}",
        }  # fmt: skip
        lines = "\n".join(f"{one.format(scratch=self.scratch)} -c {self.site.config}" for one in COMMANDS)
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM], input=lines.encode(), capture_output=True, check=False, timeout=500, env=environment
        )  # fmt: skip
        assert done.returncode == 0, done.stderr[-600:]
        return done.stdout + done.stderr

    def relays(self) -> tuple[bytes, int]:
        """Run the relay by each of its ways to TLS, everything that can speak switched on; return what was said."""
        journal = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        journal.bind(str(self.scratch / "log"))
        journal.settimeout(0)
        server, got = hooked()
        said, count = b"", 0
        try:
            for way in ("python", "openssl", "curl"):
                relay = Relay(
                    self.site, sys.executable, alarm_after=0, syslog=str(self.scratch / "log"), transport_tls=way, timeout=2,
                    alarm_command=["tee", "-a", str(self.scratch / "told")], webhook=f"http://127.0.0.1:{server.server_address[1]}/",
                    openssl=str(self.programs / "openssl"), curl=str(self.programs / "curl"),
                )  # fmt: skip
                try:
                    relay.start().submit(f"A-{way}")
                    end = time.monotonic() + 6
                    while time.monotonic() < end and relay.waiting() and not (self.scratch / "told").exists():
                        time.sleep(0.05)
                    said += relay.run("status").stdout.encode()
                    count += 2
                    limits = Path(f"/proc/{relay.process.pid if relay.process else 0}/limits").read_text()
                    assert "Max core file size        0  " in limits
                finally:
                    relay.kill()
                    shutil.rmtree(relay.spool / "new", ignore_errors=True)
            while True:
                try:
                    said += journal.recv(65536)
                except BlockingIOError:
                    break
        finally:
            journal.close()
            (self.scratch / "log").unlink()
            server.shutdown()
            server.server_close()
        return said + json.dumps(got).encode(), count

    def kept(self) -> bytes:
        """Return what lies about: all files but those that have to hold a secret."""
        private = ("mailer.secret", "mailer.key", "mailer.toml", "relay.json")
        return b"".join(
            path.read_bytes()
            for folder in (self.scratch, self.site.folder)
            for path in folder.rglob("*")
            if path.is_file() and path.name not in private
        )

    def spellings(self) -> set[bytes]:
        found: set[bytes] = set()
        for value in (self.site.secret, self.proxy.partition(":")[2], self.key, *filter(None, self.tokens)):
            found |= {form.encode() for form in forms(value)}
            for shift in range(3):  # inside something longer, as XOAUTH2 and Basic wrap it
                wrapped = base64.b64encode(b"x" * shift + value.encode())
                found.add(wrapped[4 if shift else 0 : len(wrapped) // 4 * 4 - 4])
        return {one for one in found if len(one) > 8}


def attacked(bench: Bench, fault: tuple[str, Any] | None) -> tuple[int, list[bytes]]:
    """Run everything under one fault; return how many runs that were, and what leaked."""
    bench.site.fake.heal()
    if fault:
        bench.site.fake.fault(*fault, 0)
    watch = Watch()
    watch.start()
    try:
        said = bench.commands()
        more, count = bench.relays()
    finally:
        watch.over.set()
        watch.join()
    everything = said + more + bench.kept() + b"\n".join(watch.seen)
    assert len(said) > 1000
    assert (bench.scratch / "programs.log").exists()
    return len(COMMANDS) + count, [one for one in bench.spellings() if one in everything]


@pytest.mark.parametrize("fault", SOME, ids=[str(f[0]) if f else "none" for f in SOME])
def test_nothing_leaks(site: Site, fault: tuple[str, Any] | None, tmp_path: Path) -> None:
    bench = Bench(site, tmp_path)
    _, leaked = attacked(bench, fault)
    assert leaked == []
    assert bench.tokens


def test_a_leak_would_be_found(site: Site, tmp_path: Path) -> None:
    """The search finds each kind of value wherever it is put, or it would prove nothing."""
    bench = Bench(site, tmp_path)
    bench.tokens.append("eyJ" + "a1B2" * 40)
    token = bench.tokens[-1]
    blob = base64.b64encode(f"user=alarms@example.com\x01auth=Bearer {token}\x01\x01".encode())
    basic = base64.b64encode(b"me:pw~Long/+Word9")
    for leak in (site.secret.encode(), blob, basic, token.encode(), b"pw~Long%2F%2BWord9"):
        assert any(one in b"before " + leak + b" after" for one in bench.spellings()), leak
    assert not any(one in bench.kept() for one in bench.spellings())


def test_no_core_file_is_written() -> None:
    program = "import resource\nfrom hardening.cli import run\nrun(['mailer', 'check', '-c', '/nonexistent'])\nprint(resource.getrlimit(resource.RLIMIT_CORE))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "(0, 0)"


def test_a_secret_shows_itself_nowhere() -> None:
    import pickle

    secret = Secret("abc~DEF-123/+x")
    assert f"{secret} {secret!r} {secret:>5}".count("[secret]") == 3
    with pytest.raises(TypeError):
        pickle.dumps(secret)
    for form in forms(secret.reveal()):
        assert "[secret]" in masked(f"x {form} y", secret)
    assert "eyJ" not in masked("eyJhbGciOiJSUzI1NiJ9.eyJhIjoxfQ.c2ln")
