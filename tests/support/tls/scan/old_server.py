"""A real OpenSSL library of an old distribution as a TLS server: everything on, unless it is told otherwise.

Arguments: folder of the library, folder of keys, options (a number) and cipher string to use. Prints its port; serves until its input ends. Each connection
has a process of its own, since old OpenSSL needs locks for threads.
"""

from __future__ import annotations

import importlib.util
import os
import signal
import socket
import sys
from ctypes import CFUNCTYPE, c_char_p, c_int, c_long, c_uint, c_void_p, create_string_buffer
from pathlib import Path
from typing import Any

_SET_TMP_DH, _SET_TMP_ECDH, _OPTIONS, _ECDH_AUTO = 3, 4, 32, 94
_P256 = 415


def _child() -> Any:
    path = Path(__file__).parents[1] / "oracle_child.py"
    spec = importlib.util.spec_from_file_location("oracle_child", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _get(library: Any, name: str, result: Any, *arguments: Any) -> Any:
    function = getattr(library, name)
    function.restype, function.argtypes = result, list(arguments)
    return function


PSK = CFUNCTYPE(c_uint, c_void_p, c_char_p, c_void_p, c_uint)


@PSK  # type: ignore[untyped-decorator]  # ctypes has no types for it
def _psk(_ssl: int | None, _identity: bytes | None, _key: int | None, _size: int) -> int:
    return 0


ALL = "ALL:COMPLEMENTOFALL"


def context(ssl: Any, crypto: Any, keys: Path, options: int = 0, ciphers: str = ALL) -> int:
    for name in ("SSL_library_init", "SSL_load_error_strings"):
        if hasattr(ssl, name):
            getattr(ssl, name)()
    if hasattr(crypto, "OPENSSL_add_all_algorithms_noconf"):
        crypto.OPENSSL_add_all_algorithms_noconf()
    method = getattr(ssl, "TLS_server_method", None) or ssl.SSLv23_server_method
    method.restype = c_void_p
    made: int = _get(ssl, "SSL_CTX_new", c_void_p, c_void_p)(method())
    setter = _get(ssl, "SSL_CTX_set_cipher_list", c_int, c_void_p, c_char_p)
    if not setter(made, f"{ciphers}:@SECLEVEL=0".encode()):
        assert setter(made, ciphers.encode())
    ctrl = _get(ssl, "SSL_CTX_ctrl", c_long, c_void_p, c_int, c_long, c_void_p)
    if hasattr(ssl, "SSL_CTX_clear_options"):  # 1.1.0 and later switch old versions off by default
        _get(ssl, "SSL_CTX_clear_options", c_long, c_void_p, c_long)(made, 0x02000000)
    ctrl(made, _OPTIONS, options, None)
    chain = _get(ssl, "SSL_CTX_use_certificate_chain_file", c_int, c_void_p, c_char_p)
    private = _get(ssl, "SSL_CTX_use_PrivateKey_file", c_int, c_void_p, c_char_p, c_int)
    for kind in ("dsa", "ec", "rsa"):
        crypto.ERR_clear_error()  # 0.9.8 takes an older error for one of its own
        if chain(made, str(keys / f"{kind}.crt").encode()):
            private(made, str(keys / f"{kind}.key").encode(), 1)
    bio = _get(crypto, "BIO_new_file", c_void_p, c_char_p, c_char_p)(str(keys / "dh.pem").encode(), b"r")
    read = _get(crypto, "PEM_read_bio_DHparams", c_void_p, c_void_p, c_void_p, c_void_p, c_void_p)
    ctrl(made, _SET_TMP_DH, 0, read(bio, None, None, None))
    if ctrl(made, _ECDH_AUTO, 1, None) <= 0 and hasattr(crypto, "EC_KEY_new_by_curve_name"):
        key = _get(crypto, "EC_KEY_new_by_curve_name", c_void_p, c_int)(_P256)
        ctrl(made, _SET_TMP_ECDH, 0, key)
    if hasattr(ssl, "SSL_CTX_set_psk_server_callback"):
        _get(ssl, "SSL_CTX_set_psk_server_callback", None, c_void_p, PSK)(made, _psk)
    return made


def work(ssl: Any, made: int, listener: socket.socket) -> None:
    """Serve each connection in a process of its own: a suite that makes the library crash ends that one alone."""
    new = _get(ssl, "SSL_new", c_void_p, c_void_p)
    set_fd = _get(ssl, "SSL_set_fd", c_int, c_void_p, c_int)
    accept = _get(ssl, "SSL_accept", c_int, c_void_p)
    read = _get(ssl, "SSL_read", c_int, c_void_p, c_void_p, c_int)
    buffer = create_string_buffer(4096)
    while True:
        sock, _ = listener.accept()
        if os.fork() == 0:
            listener.close()
            sock.settimeout(None)
            session = new(made)
            set_fd(session, sock.fileno())
            if accept(session) == 1:
                while read(session, buffer, len(buffer)) > 0:
                    pass
            os._exit(0)
        sock.close()


def no_kerberos(keys: Path) -> None:
    """Keep Red Hat's builds from asking the name service for Kerberos, which takes five seconds without one."""
    settings = keys / "krb5.conf"
    names = ("dns_canonicalize_hostname", "rdns", "dns_lookup_realm", "dns_lookup_kdc")
    settings.write_text("[libdefaults]\n" + "".join(f" {name} = false\n" for name in names))
    os.environ["KRB5_CONFIG"] = str(settings)


def main() -> None:
    no_kerberos(Path(sys.argv[2]))
    ssl, crypto = _child().load(Path(sys.argv[1]))
    more = (int(sys.argv[3]), sys.argv[4]) if len(sys.argv) > 3 else (0, ALL)
    made = context(ssl, crypto, Path(sys.argv[2]), *more)
    listener = socket.create_server(("127.0.0.1", 0), backlog=256)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    worker = os.fork()
    if worker == 0:
        work(ssl, made, listener)
    sys.stdout.write(f"{listener.getsockname()[1]}\n")
    sys.stdout.flush()
    sys.stdin.read()
    os.kill(worker, signal.SIGKILL)


if __name__ == "__main__":
    main()
