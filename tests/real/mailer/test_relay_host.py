"""The relay as a host has it: started by the SysV script, as a user who may nothing, with a unit that systemd accepts."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from hardening.cli import run
from tests.support.mailer.fixtures import Site
from tests.support.ports import free_port

NOBODY = 65534


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder that other users can reach, unlike pytest's own."""
    made = Path(tempfile.mkdtemp(prefix="relay-host."))
    made.chmod(0o755)
    yield made
    shutil.rmtree(made)


@pytest.fixture
def host(site: Site, place: Path) -> Path:
    if os.getuid() != 0 or not os.access("/usr/bin/python3", os.X_OK):
        pytest.skip("a SysV script is run by root, and the relay's user needs the system's Python")
    (place / "spool").mkdir(mode=0o700)
    os.chown(place / "spool", NOBODY, -1)
    site.write(relay={"spool": str(place / "spool"), "listen": f"127.0.0.1:{free_port()}", "syslog": False})
    etc = str(place / "etc")
    argv = [
        "mailer",
        "render",
        "relay",
        "-c",
        str(site.config),
        "-o",
        etc,
        "--folder",
        etc,
        "--user",
        "nobody",
        "--credentials",
    ]
    assert run(argv) == 0
    for name in ("credential.secret", "ca.pem", "relay.json"):
        os.chown(place / "etc" / name, NOBODY, -1)
    return place


def script(host: Path, verb: str, first: str = "") -> subprocess.CompletedProcess[str]:
    path = f"{first}:/usr/sbin:/usr/bin:/sbin:/bin".lstrip(":")
    environment = {"PATH": path, "ASPECT_RELAY_PID": str(host / "pid")}
    argv = [str(host / "etc" / "aspect-mail-relay.init"), verb]
    return subprocess.run(argv, capture_output=True, text=True, check=False, timeout=60, env=environment)


def gone(number: int) -> bool:
    end = time.monotonic() + 20
    while Path(f"/proc/{number}").exists() and time.monotonic() < end:
        time.sleep(0.05)
    return not Path(f"/proc/{number}").exists()


def test_the_script_starts_it_unprivileged_and_stops_it(host: Path) -> None:
    done = script(host, "start")
    assert (done.returncode, done.stdout) == (0, "started\n"), done.stderr
    number = int((host / "pid").read_text())
    try:
        assert script(host, "start").stdout == ""  # it runs already
        end = time.monotonic() + 30
        while not (host / "spool" / "status.json").exists() and time.monotonic() < end:
            time.sleep(0.05)
        status = Path(f"/proc/{number}/status").read_text()
        assert f"Uid:\t{NOBODY}\t{NOBODY}\t{NOBODY}" in status
        assert "Max core file size        0  " in Path(f"/proc/{number}/limits").read_text()
        assert script(host, "status").returncode == 0
        assert script(host, "restart").returncode == 0
        assert gone(number)
        number = int((host / "pid").read_text())
        assert script(host, "stop").returncode == 0
        assert gone(number)
        assert script(host, "status").returncode == 3
    finally:
        if Path(f"/proc/{number}").exists():
            os.kill(number, signal.SIGKILL)


def test_a_relay_that_is_still_being_loaded_has_started(host: Path) -> None:
    # Between fork and program, as a slow disk draws it out, there is no command line.
    asked = host / "asked" / "grep"
    asked.parent.mkdir()
    asked.write_text(
        f"#!/bin/sh\ntouch -d '0.6 seconds ago' {host}/then\n"
        f'[ {host}/pid -nt {host}/then ] && exit 1\nexec /bin/grep "$@"\n'
    )
    asked.chmod(0o755)
    done = script(host, "start", str(asked.parent))
    try:
        assert (done.returncode, done.stdout) == (0, "started\n"), done.stderr
    finally:
        script(host, "stop")


def test_the_script_says_that_it_did_not_start(host: Path) -> None:
    settings = host / "etc" / "relay.json"
    settings.write_text(settings.read_text().replace('"tenant"', '"tennant"'))
    done = script(host, "start")
    assert (done.returncode, done.stdout) == (1, "")
    assert f"{host}/etc/relay serve" in done.stderr
    assert script(host, "status").returncode == 3


def test_the_script_ends_no_other_program(host: Path) -> None:
    with subprocess.Popen(["/bin/sleep", "60"]) as other:  # a number that a relay of the past had
        try:
            (host / "pid").write_text(f"{other.pid}\n")
            assert script(host, "status").returncode == 3
            assert script(host, "stop").returncode == 0
            assert other.poll() is None
            (host / "pid").write_text(f"{other.pid}\n")
            assert script(host, "start").stdout == "started\n"
            assert script(host, "stop").returncode == 0
        finally:
            other.kill()


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--user", "a b; reboot"),
        ("--user", ""),
        ("--user", "-x"),
        ("--folder", "relay"),
        ("--folder", "/etc/a b"),
        ("--folder", "/etc/$x"),
        ("--folder", "/"),
    ],
)
def test_what_a_shell_would_read_as_something_else_is_refused(
    site: Site, tmp_path: Path, capsys: pytest.CaptureFixture[str], option: str, value: str
) -> None:
    argv = ["mailer", "render", "relay", "-c", str(site.config), "-o", str(tmp_path / "out"), option, value]
    assert run(argv) == 2
    assert option in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_the_unit_is_one_that_systemd_accepts(site: Site, place: Path) -> None:
    program = shutil.which("systemd-analyze")
    if program is None:
        pytest.skip("systemd is not installed")
    argv = [
        "mailer",
        "render",
        "relay",
        "-c",
        str(site.config),
        "-o",
        str(place),
        "--folder",
        str(place),
        "--user",
        "daemon",
    ]
    assert run(argv) == 0
    unit = place / "aspect-mail-relay.service"
    done = subprocess.run(
        [program, "verify", "--man=no", str(unit)], capture_output=True, text=True, check=False
    )
    assert "aspect-mail-relay" not in done.stderr, done.stderr


def test_where_it_cannot_listen_is_said(site: Site) -> None:
    """Another program has the port, or it is below 1024 and root's."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        listen = f"127.0.0.1:{taken.getsockname()[1]}"
        site.write(relay={"spool": str(site.folder / "spool"), "listen": listen, "syslog": False})
        words = [sys.executable, "-m", "hardening", "mailer", "relay", "-c", str(site.config)]
        done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stderr) == (
        69,
        f"relay: cannot listen on {listen}: Address already in use\n",
    )
