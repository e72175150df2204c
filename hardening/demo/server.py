"""A TLS server on loopback that serves what two nginx directives say: ssl_protocols and ssl_ciphers.

Run as `python -m hardening.demo.server FOLDER`; it prints its port and ends when its standard input does. The
folder holds `server.conf`, `cert.pem` and `key.pem`. OpenSSL gets the cipher string word for word.
"""

from __future__ import annotations

import contextlib
import re
import socket
import ssl
import sys
import threading
import warnings
from pathlib import Path

_DIRECTIVE = re.compile(
    r"^\s*(ssl_protocols|ssl_ciphers|ssl_ecdh_curve|ssl_prefer_server_ciphers)\s+([^;]+);", re.MULTILINE
)
_VERSIONS = {
    "TLSv1": ssl.TLSVersion.TLSv1,
    "TLSv1.1": ssl.TLSVersion.TLSv1_1,
    "TLSv1.2": ssl.TLSVersion.TLSv1_2,
    "TLSv1.3": ssl.TLSVersion.TLSv1_3,
}

WEAK = """ssl_protocols TLSv1 TLSv1.1 TLSv1.2 TLSv1.3;
ssl_ciphers ALL:@SECLEVEL=0;
"""
"""What the server offers before it is fixed."""


def context(folder: Path) -> ssl.SSLContext:
    """Return what OpenSSL makes of the configuration in `folder`."""
    directives = dict(_DIRECTIVE.findall((folder / "server.conf").read_text()))
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    versions = sorted(_VERSIONS[word] for word in directives["ssl_protocols"].split())
    with warnings.catch_warnings():  # old versions are what the demo is about
        warnings.simplefilter("ignore", DeprecationWarning)
        server.minimum_version, server.maximum_version = versions[0], versions[-1]
    if "ssl_ciphers" in directives:
        server.set_ciphers(directives["ssl_ciphers"].strip("\"' "))
    server.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    return server


def _serve(context: ssl.SSLContext, listener: socket.socket) -> None:
    while True:
        try:
            raw, _ = listener.accept()
        except OSError:
            return  # closed: the demo is over
        threading.Thread(target=_answer, args=(context, raw), daemon=True).start()


def _answer(context: ssl.SSLContext, raw: socket.socket) -> None:
    raw.settimeout(5)
    with raw, contextlib.suppress(OSError), context.wrap_socket(raw, server_side=True) as tls:
        tls.recv(1024)


def main(folder: Path) -> None:
    """Serve until standard input ends."""
    with socket.create_server(("127.0.0.1", 0), backlog=128) as listener:
        threading.Thread(target=_serve, args=(context(folder), listener), daemon=True).start()
        sys.stdout.write(f"{listener.getsockname()[1]}\n")
        sys.stdout.flush()
        sys.stdin.read()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
