"""Real TLS servers of the distribution, started on loopback with a configuration of the test's.

with running("nginx", text, folder) as port: ...
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import pytest
import trustme

KEYS = ("rsa", "ec")
_START_SECONDS = 20.0


@dataclass(frozen=True)
class Pair:
    """A certificate file, its key file, and both in one file."""

    certificate: Path
    key: Path
    both: Path


@dataclass(frozen=True, kw_only=True)
class Server:
    """How to run one server program in the foreground."""

    program: str
    whole: Callable[[str, Path, int, Pair], str]
    """Rendered text, folder, port, certificate: the main configuration file."""
    command: Callable[[Path, Path], list[str]]
    """The folder and the main file: what to run."""
    main: str
    """The main file's name below the folder."""
    check: Callable[[Path, Path], list[str]] | None = None
    params: Callable[[int, Pair], Mapping[str, str]] = lambda _port, _pair: {}
    starttls: str | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    port_of: Callable[[int], int] = lambda port: port
    prepare: Callable[[Path, Pair], None] = lambda _folder, _pair: None


def _httpd(rendered: str, folder: Path, _port: int, _pair: Pair) -> str:
    modules = "/usr/lib/apache2/modules"
    load = "".join(
        f"LoadModule {name}_module {modules}/mod_{name}.so\n"
        for name in ("mpm_event", "authz_core", "socache_shmcb", "ssl")
    )
    return (
        f'ServerRoot "{folder}"\nPidFile {folder}/pid\nErrorLog {folder}/error.log\nServerName localhost\n'
        f"User www-data\nGroup www-data\nDefaultRuntimeDir {folder}\n{load}{rendered}"
    )


def _nginx(rendered: str, folder: Path, _port: int, _pair: Pair) -> str:
    return (
        f"daemon off;\nmaster_process off;\npid {folder}/pid;\nerror_log {folder}/error.log;\n"
        f"events {{}}\nhttp {{\naccess_log off;\n{rendered}}}\n"
    )


def _lighttpd(rendered: str, folder: Path, port: int, _pair: Pair) -> str:
    other = free_port() if port else 0
    return (
        f'server.document-root = "{folder}"\nserver.port = {other}\nserver.bind = "127.0.0.1"\n'
        f'server.errorlog = "{folder}/error.log"\n{rendered}'
    )


def _web(port: int, pair: Pair) -> dict[str, str]:
    return {"listen": f"127.0.0.1:{port}", "certificate": str(pair.certificate), "key": str(pair.key)}


SERVERS: dict[str, Server] = {
    "httpd": Server(
        program="apache2",
        whole=_httpd,
        command=lambda _folder, main: ["apache2", "-X", "-f", str(main)],
        check=lambda _folder, main: ["apache2", "-t", "-f", str(main)],
        main="httpd.conf",
        params=_web,
    ),
    "nginx": Server(
        program="nginx",
        whole=_nginx,
        command=lambda folder, main: ["nginx", "-p", str(folder), "-c", str(main)],
        check=lambda folder, main: ["nginx", "-t", "-p", str(folder), "-c", str(main)],
        main="nginx.conf",
        params=_web,
    ),
    "lighttpd": Server(
        program="lighttpd",
        whole=_lighttpd,
        command=lambda _folder, main: ["lighttpd", "-D", "-f", str(main)],
        check=lambda _folder, main: ["lighttpd", "-tt", "-f", str(main)],
        main="lighttpd.conf",
        params=_web,
    ),
}

SERVERS |= {
    "haproxy": Server(
        program="haproxy",
        whole=lambda rendered, _folder, _port, _pair: (
            rendered.replace("global\n", "global\n    tune.ssl.default-dh-param 2048\n", 1)
            + "defaults\n    timeout client 20s\n    timeout server 20s\n    timeout connect 5s\n"
        ),
        command=lambda _folder, main: ["haproxy", "-db", "-f", str(main)],
        check=lambda _folder, main: ["haproxy", "-c", "-f", str(main)],
        main="haproxy.cfg",
        params=lambda port, pair: {"listen": f"127.0.0.1:{port}", "certificate": str(pair.both)},
    ),
    "stunnel": Server(
        program="stunnel4",
        whole=lambda rendered, _folder, _port, _pair: (
            f"foreground = yes\npid =\nsyslog = no\n{rendered}"
        ),
        command=lambda _folder, main: ["stunnel4", str(main)],
        main="stunnel.conf",
        params=_web,
    ),
    "redis": Server(
        program="redis-server",
        whole=lambda rendered, folder, _port, _pair: (
            f'{rendered}port 0\nbind 127.0.0.1\nsave ""\ndir {folder}\ntls-auth-clients no\n'
        ),
        command=lambda _folder, main: ["redis-server", str(main)],
        main="redis.conf",
        params=lambda port, pair: {"listen": str(port), "certificate": str(pair.certificate), "key": str(pair.key)},
    ),
}


def program(name: str) -> str | None:
    """Return where a program is; server programs lie in sbin, which a user's PATH may lack."""
    return shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin:/sbin")


def needed(name: str) -> Server:
    """Return a server, or skip the test where its program is not installed (fail in CI)."""
    server = SERVERS[name]
    if program(server.program) is None:
        message = f"{server.program} is not installed; `make servers` installs it"
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)
    return server


@cache
def _authority() -> trustme.CA:
    return trustme.CA(key_type=trustme.KeyType.ECDSA)


@cache
def pair(kind: str, folder: Path) -> Pair:
    """Return a fresh certificate with a key of the kind `rsa` or `ec`, for localhost."""
    key_type = {"rsa": trustme.KeyType.RSA, "ec": trustme.KeyType.ECDSA}[kind]
    issued = _authority().issue_cert("localhost", "127.0.0.1", key_type=key_type)
    folder.mkdir(parents=True, exist_ok=True)
    found = Pair(folder / f"{kind}.crt", folder / f"{kind}.key", folder / f"{kind}.pem")
    chain = b"".join(blob.bytes() for blob in issued.cert_chain_pems)
    found.certificate.write_bytes(chain)
    found.key.write_bytes(issued.private_key_pem.bytes())
    found.key.chmod(0o600)
    found.both.write_bytes(issued.private_key_pem.bytes() + chain)
    found.both.chmod(0o600)
    return found


def free_port() -> int:
    """Return a port on loopback that nobody listens on just now."""
    with socket.socket() as asking:
        asking.bind(("127.0.0.1", 0))
        return int(asking.getsockname()[1])


def write(name: str, rendered: str, folder: Path, port: int, certificate: Pair) -> Path:
    """Write the main configuration file around what was rendered."""
    server = SERVERS[name]
    folder.mkdir(parents=True, exist_ok=True)
    main = folder / server.main
    main.parent.mkdir(parents=True, exist_ok=True)
    server.prepare(folder, certificate)
    main.write_text(server.whole(rendered, folder, port, certificate))
    return main


def check(name: str, main: Path) -> subprocess.CompletedProcess[str]:
    """Let the server itself judge a configuration."""
    server = SERVERS[name]
    assert server.check is not None
    return _run(server.check(main.parent, main), server)


def _run(command: list[str], server: Server) -> subprocess.CompletedProcess[str]:
    found = program(command[0])
    assert found is not None
    return subprocess.run(
        [found, *command[1:]],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env=os.environ | dict(server.environment),
    )


@contextmanager
def running(name: str, main: Path, port: int) -> Iterator[int]:
    """Run a server in the foreground until the block ends; yield the port once it answers."""
    server = SERVERS[name]
    folder = main.parent
    command = server.command(folder, main)
    found = program(command[0])
    assert found is not None
    with (folder / "output.log").open("wb") as log:
        process = subprocess.Popen(
            [found, *command[1:]],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env=os.environ | dict(server.environment),
            start_new_session=True,
        )
    try:
        _await(process, port, folder)
        yield port
    finally:
        _stop(process)


def _await(process: subprocess.Popen[bytes], port: int, folder: Path) -> None:
    end = time.monotonic() + _START_SECONDS
    while time.monotonic() < end:
        if process.poll() is not None:
            break
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=1):
                return
        except OSError:
            time.sleep(0.02)
    logs = "".join(p.read_text(errors="replace")[-2000:] for p in sorted(folder.glob("*.log")))
    raise RuntimeError(f"the server did not start: {logs}")


def _stop(process: subprocess.Popen[bytes]) -> None:
    import signal

    for signum in (signal.SIGTERM, signal.SIGKILL):
        if process.poll() is None:
            try:
                os.killpg(process.pid, signum)  # the session is the server's own
                process.wait(timeout=5)
            except (subprocess.TimeoutExpired, ProcessLookupError):
                continue
    process.wait(timeout=5)
