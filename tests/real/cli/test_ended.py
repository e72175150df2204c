"""A command that is told to end leaves neither copies of hosts' files nor Ansible behind."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from hardening.errors import ExitCode


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_an_audit_of_hosts_that_is_ended_leaves_nothing(number: signal.Signals, tmp_path: Path) -> None:
    # A short folder: the newest ansible-core makes a Unix socket below it, whose path has at most 107 bytes.
    with (
        tempfile.TemporaryDirectory(prefix="h-") as short,
        socket.create_server(("127.0.0.1", 0)) as silent,  # an ssh server that never says a word
    ):
        kept = Path(short)
        silent.settimeout(60)
        inventory = tmp_path / "hosts.ini"
        where = f"ansible_host=127.0.0.1 ansible_port={silent.getsockname()[1]} ansible_ssh_timeout=60"
        inventory.write_text(f"[all]\nquiet {where}\n")
        started = subprocess.Popen(
            [sys.executable, "-m", "hardening", "host", "audit", "-i", str(inventory)],
            env={**os.environ, "TMPDIR": str(kept), "HOME": str(tmp_path)}, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        try:
            asked, _ = silent.accept()  # Ansible runs ssh now
            with asked:
                assert list(kept.glob("harden-audit-*"))
                started.send_signal(number)
                _, said = started.communicate(timeout=60)
                asked.settimeout(60)
                while asked.recv(4096):  # what ssh said first; then its end, for nothing goes on
                    pass
        finally:
            started.kill()
            started.communicate()
        assert started.returncode == ExitCode.INTERRUPTED
        assert said.splitlines()[-1] == "harden: interrupted"
        assert not list(kept.glob("harden*"))
