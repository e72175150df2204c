"""TLS libraries of every kind as real servers: lighttpd with each of its five modules, real old OpenSSL set up as wanted, BoringSSL, rustls, Go and Java.

with stack("wolfssl", folder) as endpoint: ...
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import util
from pathlib import Path

from tests.support.places import ROOT
from tests.support.ports import free_port
from tests.support.tls import java_servers, oracles
from tests.support.tls.servers import Pair

OLD_SERVER = ROOT / "tests/support/tls/scan/old_server.py"
GRPC_SERVER = ROOT / "tests/support/tls/scan/grpc_server.py"
NO_OLD = 0x01000000 | 0x02000000 | 0x04000000 | 0x10000000
"""SSL_OP_NO_SSLv2, NO_SSLv3, NO_TLSv1 and NO_TLSv1_1: what a compliant CentOS 7 server has."""
STRONG = "ECDHE+AESGCM"
JAVA_SUITES = (
    "TLS_AES_256_GCM_SHA384,TLS_AES_128_GCM_SHA256,TLS_CHACHA20_POLY1305_SHA256,"
    "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256"
)


@dataclass(frozen=True, kw_only=True)
class Stack:
    """One library in one server."""

    command: Callable[[Path, int], list[str]]
    """Folder with rsa.crt and rsa.key, port: what to run; port 0 where it prints its own."""
    needs: Path
    """A file that is there where the server is installed."""
    prints_port: bool = False
    environment: Mapping[str, str] = field(default_factory=dict)

    @property
    def present(self) -> bool:
        """Whether it is installed."""
        return self.needs.exists()


def lighttpd(module: str, *more: str) -> Stack:
    """Return lighttpd with one of its TLS modules and further lines of its configuration."""

    def command(folder: Path, port: int) -> list[str]:
        (folder / "both.pem").write_bytes(_pkcs8(folder).read_bytes() + (folder / "rsa.crt").read_bytes())
        main = folder / f"{module}.conf"
        lines = (
            f'server.document-root = "{folder}"', 'server.bind = "127.0.0.1"', f"server.port = {port}",
            f'server.modules = ("mod_{module}")', f'server.errorlog = "{folder}/{module}.log"',
            'ssl.engine = "enable"', f'ssl.pemfile = "{folder}/both.pem"', *more,
        )  # fmt: skip
        main.write_text("".join(f"{line}\n" for line in lines))
        return ["lighttpd", "-D", "-f", str(main)]

    return Stack(command=command, needs=Path(f"/usr/lib/lighttpd/mod_{module}.so"))


def openssl(build: str, options: int, ciphers: str) -> Stack:
    """Return a real library of `make oracles` with options (SSL_OP_...) and a cipher string."""
    folder = oracles.oracle(build).folder

    def command(keys: Path, _port: int) -> list[str]:
        return [sys.executable, str(OLD_SERVER), str(folder), str(keys), str(options), ciphers]

    environment = {"LD_LIBRARY_PATH": str(folder)}
    return Stack(command=command, needs=folder, prints_port=True, environment=environment)


def _pkcs8(folder: Path) -> Path:
    """Write the key in the only form that NSS and rustls read."""
    made = folder / "rsa.pkcs8"
    if not made.exists():
        command = ["openssl", "pkcs8", "-topk8", "-nocrypt", "-in", "rsa.key", "-out", made.name]
        subprocess.run(command, cwd=folder, check=True)
    return made


def _module(name: str) -> Path:
    """Return where a package is, or a path that is not there."""
    found = util.find_spec(name)
    return Path(found.origin) if found and found.origin else Path("/not installed", name)


def rustls(lowest: str = "tls1.2") -> Stack:
    """Return Granian with the lowest version of TLS that it takes."""

    def command(folder: Path, port: int) -> list[str]:
        (folder / "app.py").write_text(
            "def app(environ, start):\n    start('204 No Content', [])\n    return []\n"
        )
        return [
            sys.executable, "-m", "granian", "--interface", "wsgi", "--port", str(port), "--log-level", "critical",
            "--ssl-certificate", str(folder / "rsa.crt"), "--ssl-keyfile", str(_pkcs8(folder)),
            "--ssl-protocol-min", lowest, "app:app",
        ]  # fmt: skip

    return Stack(command=command, needs=_module("granian"))


def go(*lines: str) -> Stack:
    """Return Caddy with lines of its directive `tls`."""

    def command(folder: Path, port: int) -> list[str]:
        block = "".join(f"  {one}\n" for one in lines)
        tls = f"tls {folder}/rsa.crt {folder}/rsa.key" + (f" {{\n{block} }}" if lines else "")
        site = f"https://:{port} {{\n bind 127.0.0.1\n {tls}\n}}\n"
        (folder / "Caddyfile").write_text(
            f"{{\n admin off\n auto_https off\n log {{\n  output discard\n }}\n"
            f" storage file_system {folder}/caddy\n}}\n{site}"
        )
        return [
            "env",
            f"XDG_CONFIG_HOME={folder}",
            "caddy",
            "run",
            "--config",
            str(folder / "Caddyfile"),
            "--adapter",
            "caddyfile",
        ]

    return Stack(command=command, needs=Path("/usr/bin/caddy"))


def boringssl(ciphers: str = "") -> Stack:
    """Return gRPC with a cipher string for TLS 1.2; empty: its own."""
    return Stack(
        command=lambda folder, port: [sys.executable, str(GRPC_SERVER), str(folder), str(port)],
        needs=_module("grpc"),
        environment={"GRPC_VERBOSITY": "NONE", **({"GRPC_SSL_CIPHER_SUITES": ciphers} if ciphers else {})},
    )


def _java(folder: Path, port: int) -> list[str]:
    keys = java_servers.store(folder, Pair(folder / "rsa.crt", folder / "rsa.key", folder / "both.pem"))
    chosen = (
        f"-Djdk.tls.server.cipherSuites={JAVA_SUITES}"  # what is on by itself differs from update to update
    )
    program = str(java_servers.JAVA / "JsseServer.java")
    return ["java", chosen, program, str(port), str(keys), str(folder / "password")]


STACKS: dict[str, Stack] = {
    "boringssl": boringssl(),
    "go": go(),
    "java": Stack(command=_java, needs=Path("/usr/bin/java")),
    "rustls": rustls(),
    "gnutls": lighttpd("gnutls"),
    "mbedtls": lighttpd("mbedtls"),
    "nss": lighttpd("nss"),
    "openssl": lighttpd("openssl"),
    "wolfssl": lighttpd("wolfssl"),
    "1.0.1e-el6": openssl("1.0.1e-el6", NO_OLD, "ALL:!aNULL"),
    "1.0.2k-el7": openssl("1.0.2k-el7", NO_OLD, STRONG),
    "1.0.2k-upstream": openssl("1.0.2k-upstream", NO_OLD, STRONG),
}


@contextmanager
def running(one: Stack, folder: Path) -> Iterator[str]:
    """Run a server and yield its endpoint."""
    port = 0 if one.prints_port else free_port()
    environment = {**os.environ, **one.environment}
    with subprocess.Popen(
        one.command(folder, port),
        cwd=folder,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as server:
        assert server.stdout is not None
        assert server.stdin is not None
        try:
            if one.prints_port:
                port = int(server.stdout.readline())
            else:
                _reachable(port)
            yield f"127.0.0.1:{port}"
        finally:
            server.stdin.close()
            if not one.prints_port:
                server.terminate()
            try:
                server.wait(2)
            except subprocess.TimeoutExpired:
                server.kill()


def _reachable(port: int) -> None:
    for _ in range(600):  # a JVM that compiles its server first takes seconds on a busy machine
        with socket.socket() as sock:
            if sock.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise RuntimeError(f"nothing listens on port {port}")
