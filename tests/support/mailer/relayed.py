"""A relay in a process of its own, by a Python of a given age, and what talks to it."""

from __future__ import annotations

import json
import os
import signal
import smtplib
import subprocess
import sys
import time
from typing import Any

from hardening.mailer.install import relay_archive, relay_config
from hardening.mailer.settings import load
from tests.support.mailer.fixtures import Site


class Relay:
    """Start, kill and ask one relay; its spool outlives it."""

    def __init__(self, site: Site, python: str, **more: Any) -> None:
        self.site, self.python = site, python
        self.here = python == sys.executable
        self.archive = site.folder / "relay.pyz"
        self.archive.write_bytes(relay_archive())
        self.command = [python, str(self.archive)]
        if (
            self.here
        ):  # the package itself, so that coverage sees its files; -P keeps this folder off the path
            self.command = [python, "-P", "-m", "hardening.onhost.relay"]
        self.config = site.folder / "relay.json"
        self.spool = site.folder / "spool"
        self.port = 0
        self.settings: dict[str, Any] = {
            **relay_config(load(site.config)), "listen": "127.0.0.1:0", "spool": str(self.spool), "timeout": 3, "syslog": False,
            "alarm_file": str(site.folder / "alarms"), "retry_first": 0.1, "retry_most": 0.4, "minute": 0.05, "per_minute": 1000,
            "recipients_per_day": 10**9, "digest_after": 10**6, **more,
        }  # fmt: skip
        self.process: subprocess.Popen[str] | None = None

    def start(self, **more: Any) -> Relay:
        self.settings.update(more)
        self.config.write_text(json.dumps(self.settings))
        with (self.site.folder / "stderr").open("ab") as errors:
            command = [*self.command, "serve", str(self.config)]
            covered = {k: v for k, v in os.environ.items() if k.startswith("COVERAGE_")}
            environment = {"PATH": os.environ["PATH"], **(covered if self.here else {})}
            self.process = subprocess.Popen(
                command, stdout=subprocess.PIPE, stderr=errors, text=True, env=environment
            )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert "listening" in line, (self.site.folder / "stderr").read_text()[-600:]
        self.port = int(line.rpartition(":")[2])
        return self

    def kill(self, number: int = signal.SIGKILL) -> None:
        if self.process is not None:
            self.process.send_signal(number)
            self.process.wait(10)
            assert self.process.stdout is not None
            self.process.stdout.close()
            self.process = None

    def submit(
        self, alarm: str, to: str | list[str] = "ops@example.com", text: str = "Replace it.", **headers: str
    ) -> None:
        lines = [
            f"Subject: {alarm} failed",
            f"X-Alarm-Id: {alarm}",
            *(f"{k.replace('_', '-')}: {v}" for k, v in headers.items()),
        ]
        with smtplib.SMTP("127.0.0.1", self.port, timeout=10) as session:
            session.sendmail("alarms@example.com", to, "\r\n".join([*lines, "", text]).encode())

    def run(self, *arguments: str, text: str = "") -> subprocess.CompletedProcess[str]:
        self.config.write_text(json.dumps({**self.settings, "listen": f"127.0.0.1:{self.port}"}))
        command = [*self.command, arguments[0], str(self.config), *arguments[1:]]
        return subprocess.run(command, input=text, capture_output=True, text=True, check=False, timeout=60)

    def waiting(self) -> int:
        return sum(1 for name in os.listdir(self.spool / "new") if not name.startswith("."))  # noqa: PTH208 - quick for many

    def drained(self, seconds: float = 20, every: float = 0.05) -> bool:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if self.waiting() == 0:
                return True
            time.sleep(every)
        return False
