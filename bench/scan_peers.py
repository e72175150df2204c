"""Scanners side by side on the same servers: suites found, exact connections, wall time, client CPU.

A relay of our own counts connections in front of a compliant nginx, a weak one, real OpenSSL 1.0.2k with everything
on (`make oracles`), and every library of tests/support/tls/scan/stacks.py. Peers that are not installed are named: apt-get install sslscan nmap testssl.sh; pip install sslyze
(SSLYZE=path). testssl.sh takes ten minutes for the last server: TESTSSL=all asks it all the same.
Usage: python bench/scan_peers.py
"""

from __future__ import annotations

import contextlib
import json
import os
import re
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

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tests.real.tls.scan.test_old_stacks import (  # noqa: E402 - found once the root is on the path
    PROGRAM,
    make_keys,
    old_server,
)
from tests.support.ports import free_port  # noqa: E402 - the same
from tests.support.tls.scan.stacks import STACKS, running  # noqa: E402 - the same

COMPLIANT = (
    "ssl_protocols TLSv1.2 TLSv1.3; ssl_prefer_server_ciphers on; ssl_ecdh_curve X25519:prime256v1:secp384r1;"
    " ssl_ciphers ECDHE-RSA-AES128-GCM-SHA256:ECDHE-RSA-AES256-GCM-SHA384:ECDHE-RSA-CHACHA20-POLY1305;"
)
WEAK = "ssl_protocols TLSv1 TLSv1.1 TLSv1.2 TLSv1.3; ssl_ciphers ALL:COMPLEMENTOFALL:@SECLEVEL=0;"


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
        except OSError:  # a reset: the other side is told as of a close
            pass
        with contextlib.suppress(OSError):
            sink.shutdown(socket.SHUT_WR)


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
    """Return the commands of the scanners, installed or not."""
    at = f"127.0.0.1:{port}"
    harden = str(Path(sys.executable).with_name("harden"))
    return {
        "harden, verdict": [harden, "tls", "scan", at, "--policy", "aspect", "--format", "json"],
        "harden --full": [harden, "tls", "scan", at, "--full", "--format", "json"],
        "sslscan": ["sslscan", "--no-colour", at],
        "nmap": ["nmap", "-Pn", "-p", str(port), "--script", "+ssl-enum-ciphers", "127.0.0.1"],
        "sslyze": [os.environ.get("SSLYZE", "sslyze"), "--json_out=-", at],
        "testssl.sh": ["testssl", "--quiet", "--color", "0", "-E", at],
    }


def found(name: str, said: str) -> int:
    """Return how many pairs of version and suite a scanner named."""
    if name.startswith("harden"):
        offers = [s.get("offer") or {} for s in json.loads(said)["subjects"]]
        return sum(len(p["suites"]) for o in offers for p in o.get("protocols", {}).values())
    if name == "sslyze":
        results = [s.get("scan_result") or {} for s in json.loads(said)["server_scan_results"]]
        parts = [v.get("result") or {} for r in results for k, v in r.items() if k.endswith("_cipher_suites")]
        return sum(len(part.get("accepted_cipher_suites", ())) for part in parts)
    pattern = {
        "sslscan": r"^(?:Accepted|Preferred) ",
        "nmap": r"^\|\s+(?:TLS|SSL)_\S+",
        "testssl.sh": r"^ x[0-9a-f]+ ",
    }[name]
    return len(re.findall(pattern, said, re.MULTILINE))


def measure(command: list[str]) -> tuple[float, float, str]:
    """Return wall and CPU seconds of one command, and what it printed."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    began = time.monotonic()
    done = subprocess.run(
        command, capture_output=True, check=False, timeout=1800, text=True, errors="replace"
    )
    wall = time.monotonic() - began
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, done.stdout


@contextmanager
def old_openssl() -> Iterator[int | None]:
    """Run OpenSSL 1.0.2k with everything on; None where it is not here."""
    folder = ROOT / ".cache" / "oracles" / "1.0.2k-upstream"
    if not (folder / "ready").exists():
        yield None
        return
    with tempfile.TemporaryDirectory() as name:
        make_keys(Path(name))
        environment = {**os.environ, "LD_LIBRARY_PATH": str(folder), "PYTHONPATH": str(ROOT)}
        with old_server(
            [sys.executable, str(PROGRAM), str(folder), name], Path(name), environment
        ) as endpoint:
            yield int(endpoint.rpartition(":")[2])


def table(what: str, port: int, *, skip: frozenset[str] = frozenset()) -> None:
    """Print how each scanner fares with one server."""
    print(
        f"\n{what}\n{'':18}{'suites':>8}{'connections':>13}{'wall s':>9}{'CPU s':>8}{'wall / sslscan':>16}",
        flush=True,
    )
    rows = []
    for name in peers(port):
        if name in skip or not shutil.which(peers(port)[name][0]):
            print(f"{name:18} {'left out (TESTSSL=all)' if name in skip else 'not installed'}")
            continue
        counter = Counter(port)
        wall, cpu, said = measure(peers(counter.port)[name])
        rows.append((name, found(name, said), counter.count, wall, cpu))
    base = next((row[3] for row in rows if row[0] == "sslscan"), 0.0)
    for name, suites, count, wall, cpu in rows:
        ratio = f"{wall / base:.1f}" if base else "-"
        print(f"{name:18}{suites:>8}{count:>13}{wall:>9.2f}{cpu:>8.2f}{ratio:>16}", flush=True)


def main() -> None:
    """Print a table per server."""
    print(f"load of this machine: {os.getloadavg()[0]:.1f}")
    with nginx(COMPLIANT, WEAK) as ports:
        for what, port in zip(("compliant nginx", "nginx with ALL:@SECLEVEL=0"), ports, strict=True):
            table(what, port)
    with old_openssl() as old:
        if old is None:
            print("\nOpenSSL 1.0.2k is not here: make oracles")
        else:
            slow = frozenset({"testssl.sh"}) if os.environ.get("TESTSSL") != "all" else frozenset()
            table("OpenSSL 1.0.2k with everything on (245)", old, skip=slow)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_keys(folder)
        folder.chmod(0o755)
        for library, stack in STACKS.items():
            if not stack.present:
                print(f"\n{library} is not here: make setup servers oracles")
                continue
            with running(stack, folder) as endpoint:
                table(library, int(endpoint.rpartition(":")[2]))


if __name__ == "__main__":
    main()
