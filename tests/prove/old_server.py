"""An old OpenSSL library as a TLS server with one cipher string.

Arguments: folder of the library, folder of keys, cipher string, security level. Prints its port, or `refused` where the library
takes no such string; serves until its input ends.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
from ctypes import c_char_p, c_int, c_long, c_ulong, c_void_p
from pathlib import Path
from typing import Any

from tests.support.tls import oracle_child
from tests.support.tls.scan import old_server

_SET_TMP_RSA, _CLEAR_OPTIONS = 2, 77
_SET_MIN_PROTOCOL, _SSLV3 = 123, 0x300
_NO_SSLV2 = 0x01000000
_F4 = 65537


def _context(ssl: Any, crypto: Any, keys: Path, string: str, level: str) -> int | None:
    """Everything a suite may need but a shared key: three certificates, export RSA and DH, a curve."""
    made = old_server.context(ssl, crypto, keys)
    if hasattr(ssl, "SSL_CTX_set_psk_server_callback"):
        ssl.SSL_CTX_set_psk_server_callback.argtypes = [c_void_p, c_void_p]
        ssl.SSL_CTX_set_psk_server_callback(made, None)
    ssl.SSL_CTX_ctrl.restype, ssl.SSL_CTX_ctrl.argtypes = c_long, [c_void_p, c_int, c_long, c_void_p]
    if not hasattr(ssl, "SSL_CTX_clear_options"):
        ssl.SSL_CTX_ctrl(made, _CLEAR_OPTIONS, _NO_SSLV2, None)  # the default of late builds
    if hasattr(crypto, "RSA_generate_key"):
        generate = crypto.RSA_generate_key
        generate.restype, generate.argtypes = c_void_p, [c_int, c_ulong, c_void_p, c_void_p]
        ssl.SSL_CTX_ctrl(made, _SET_TMP_RSA, 0, generate(512, _F4, None, None))
    if level:
        ssl.SSL_CTX_ctrl(made, _SET_MIN_PROTOCOL, _SSLV3, None)
        # what set everything on has lowered the level
        ssl.SSL_CTX_set_security_level.argtypes = [c_void_p, c_int]
        ssl.SSL_CTX_set_security_level(made, int(level))
    setter = ssl.SSL_CTX_set_cipher_list
    setter.restype, setter.argtypes = c_int, [c_void_p, c_char_p]
    return made if setter(made, string.encode()) else None


def main() -> None:
    old_server.no_kerberos(Path(sys.argv[2]))
    ssl, crypto = oracle_child.load(Path(sys.argv[1]))
    made = _context(ssl, crypto, Path(sys.argv[2]), sys.argv[3], sys.argv[4])
    if made is None:
        sys.stdout.write("refused\n")
        return
    listener = socket.create_server(("127.0.0.1", 0), backlog=256)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    worker = os.fork()
    if worker == 0:
        old_server.work(ssl, made, listener)
    sys.stdout.write(f"{listener.getsockname()[1]}\n")
    sys.stdout.flush()
    sys.stdin.read()
    os.kill(worker, signal.SIGKILL)


if __name__ == "__main__":
    main()
