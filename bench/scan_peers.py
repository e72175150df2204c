"""Scanners side by side on one server: exact connections, wall time, client CPU.

A proxy of our own counts connections in front of one compliant nginx and one weak one. Peers that are not
installed are left out: apt-get install sslscan nmap testssl.sh, pip install sslyze (SSLYZE=path).
Usage: python bench/scan_peers.py
"""

from __future__ import annotations

import os
import resource
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

COMPLIANT = (
    "ssl_protocols TLSv1.2 TLSv1.3; ssl_prefer_server_ciphers on; ssl_ecdh_curve X25519:prime256v1:secp384r1;"
    " ssl_ciphers ECDHE-RSA-AES128-GCM-SHA256:ECDHE-RSA-AES256-GCM-SHA384:ECDHE-RSA-CHACHA20-POLY1305;"
)
WEAK = "ssl_protocols TLSv1 TLSv1.1 TLSv1.2 TLSv1.3; ssl_ciphers ALL:COMPLEMENTOFALL:@SECLEVEL=0;"


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        port: int = sock.getsockname()[1]
        return port


class Counter:
    """A TCP relay that counts who comes."""

    def __init__(self, to: int) -> None:
        self.count = 0
        self._to = to
        self._server = socket.create_server(("127.0.0.1", 0), backlog=512)
        self.port: int = self._server.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            sock, _ = self._server.accept()
            self.count += 1
            threading.Thread(target=self._relay, args=(sock,), daemon=True).start()

    def _relay(self, sock: socket.socket) -> None:
        with sock, socket.create_connection(("127.0.0.1", self._to)) as other:
            back = threading.Thread(target=self._pump, args=(other, sock), daemon=True)
            back.start()
            self._pump(sock, other)
            back.join()

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        try:
            while data := source.recv(65536):
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            pass


@contextmanager
def nginx(*settings: str, host: str = "127.0.0.1") -> Iterator[list[int]]:
    """Run one nginx with one server block per setting; give the ports."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "k.pem", "-out", "c.pem",
             "-days", "9", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"],
            cwd=folder, check=True, capture_output=True,
        )  # fmt: skip
        ports = [free_port() for _ in settings]
        blocks = "".join(
            f"server {{ listen {host}:{port} ssl backlog=2048; ssl_certificate c.pem; ssl_certificate_key k.pem; {text} }}\n"
            for port, text in zip(ports, settings, strict=True)
        )
        (folder / "n.conf").write_text(
            f"daemon off; worker_processes 1; pid {folder}/pid; error_log {folder}/log;\n"
            f"events {{ worker_connections 4096; }} http {{ access_log off; {blocks} }}\n"
        )
        server = subprocess.Popen(["nginx", "-p", name, "-c", "n.conf"], stderr=subprocess.DEVNULL)
        try:
            for _ in range(100):
                try:
                    socket.create_connection(("127.0.0.1", ports[-1]), 1).close()
                    break
                except OSError:
                    time.sleep(0.05)
            yield ports
        finally:
            server.terminate()
            server.wait(10)


def peers(port: int) -> dict[str, list[str]]:
    """Return the commands of the scanners that are installed."""
    at = f"127.0.0.1:{port}"
    harden = str(Path(sys.executable).with_name("harden"))
    found = {
        "harden (verdict)": [harden, "tls", "scan", at, "--policy", "aspect"],
        "harden (inventory)": [harden, "tls", "scan", at, "--full"],
        "sslscan": ["sslscan", at],
        "nmap": ["nmap", "-Pn", "-p", str(port), "--script", "+ssl-enum-ciphers", "127.0.0.1"],
        "sslyze": [os.environ.get("SSLYZE", "sslyze"), at],
        "testssl.sh": ["testssl", "--quiet", "--color", "0", "-E", at],
    }
    return {name: command for name, command in found.items() if shutil.which(command[0])}


def measure(command: list[str]) -> tuple[float, float]:
    """Return wall and CPU seconds of one command."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    began = time.monotonic()
    subprocess.run(command, capture_output=True, check=False, timeout=900)
    wall = time.monotonic() - began
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    with nginx(COMPLIANT, WEAK) as ports:
        for what, port in zip(("compliant nginx", "nginx with ALL:@SECLEVEL=0"), ports, strict=True):
            print(f"\n{what}\n{'':20}{'connections':>12}{'wall s':>9}{'CPU s':>8}{'wall / sslscan':>16}")
            rows = []
            for name in peers(port):
                counter = Counter(port)
                wall, cpu = measure(peers(counter.port)[name])
                rows.append((name, counter.count, wall, cpu))
            base = next((wall for name, _, wall, _ in rows if name == "sslscan"), 0.0)
            for name, count, wall, cpu in rows:
                ratio = f"{wall / base:.1f}" if base else "-"
                print(f"{name:20}{count:>12}{wall:>9.2f}{cpu:>8.2f}{ratio:>16}")


if __name__ == "__main__":
    main()
