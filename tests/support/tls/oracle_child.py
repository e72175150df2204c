"""Loads one OpenSSL library and answers questions about it, one JSON line each way.

Arguments: kind, folder. Run by oracles.py, in a process of its own: two OpenSSL do not fit into one.
"""

from __future__ import annotations

import ctypes
import json
import socket
import sys
from collections.abc import Callable
from ctypes import c_char_p, c_int, c_ulong, c_void_p
from importlib import import_module
from pathlib import Path
from typing import Any

from tests.support.tls.oracle_memory import Memory

KIND_BITS = 24
HELLO = 1 << 16
TLS13 = frozenset((*range(0x1301, 0x1306), 0xC0B4, 0xC0B5))
SUITE_B = "SUITEB"
"""These words stick to a context, so it is not used again."""


def load(folder: Path) -> tuple[Any, Any]:
    """Load libssl and libcrypto of a wheel with what they need, dependencies first by retrying."""
    left = [p for p in sorted(folder.glob("*.so*")) if not p.name.startswith(("libpq", "libldap", "libcurl"))]
    loaded: dict[str, Any] = {}
    while left:
        before = len(left)
        for path in list(left):
            try:
                loaded[path.name] = ctypes.CDLL(str(path), mode=ctypes.RTLD_GLOBAL)
            except OSError:
                continue
            left.remove(path)
        if len(left) == before:
            break
    pick = {n: lib for word in ("libssl-", "libcrypto-") for n, lib in loaded.items() if n.startswith(word)}
    ssl, crypto = pick.values()
    return ssl, crypto


class Library:
    """libssl through ctypes, whatever its generation calls its functions."""

    def __init__(self, kind: str, folder: Path) -> None:
        if kind == "system":
            self.ssl, self.crypto = ctypes.CDLL("libssl.so.3"), ctypes.CDLL("libcrypto.so.3")
        else:
            self.ssl, self.crypto = load(folder)
        for name in ("SSL_library_init", "SSL_load_error_strings"):
            if hasattr(self.ssl, name):
                getattr(self.ssl, name)()
        self.context_new = self._get(self.ssl, "SSL_CTX_new", c_void_p, c_void_p)
        self.set_list = self._get(self.ssl, "SSL_CTX_set_cipher_list", c_int, c_void_p, c_char_p)
        self.new = self._get(self.ssl, "SSL_new", c_void_p, c_void_p)
        self.free = self._get(self.ssl, "SSL_free", None, c_void_p)
        self.get_ciphers = self._get(self.ssl, "SSL_get_ciphers", c_void_p, c_void_p)
        old = not hasattr(self.crypto, "OPENSSL_sk_num")
        self.count = self._get(self.crypto, "sk_num" if old else "OPENSSL_sk_num", c_int, c_void_p)
        self.item = self._get(
            self.crypto, "sk_value" if old else "OPENSSL_sk_value", c_void_p, c_void_p, c_int
        )
        self.error = self._get(self.crypto, "ERR_get_error", c_ulong)
        self.reason = self._get(self.crypto, "ERR_reason_error_string", c_char_p, c_ulong)
        method = getattr(self.ssl, "TLS_method", None) or self.ssl.SSLv23_method
        method.restype = c_void_p
        self.method: int = method()
        self.context: int = self.context_new(self.method)
        self._codes: dict[int, int] = {}

    @staticmethod
    def _get(library: Any, name: str, result: Any, *arguments: Any) -> Any:
        function = getattr(library, name)
        function.restype, function.argtypes = result, list(arguments)
        return function

    def _code(self, cipher: int) -> int:
        found = self._codes.get(cipher)
        if found is None:
            found = self._codes[cipher] = self._read_code(cipher)
        return found

    def _read_code(self, cipher: int) -> int:
        if hasattr(self.ssl, "SSL_CIPHER_get_id"):
            identity = self._get(self.ssl, "SSL_CIPHER_get_id", c_ulong, c_void_p)(cipher)
        else:  # before 1.0.1 the identity is the third field of the structure
            identity = c_ulong.from_address(cipher + 16).value
        return code_of(identity)

    def _errors(self) -> str:
        reasons = []
        while number := self.error():
            reasons.append((self.reason(number) or b"?").decode())
        return worst(reasons)

    def hello(self, string: str) -> str:
        """Return the ClientHello this library would send with a cipher string, in hex."""
        context = self.context_new(self.method)
        if not self.set_list(context, string.encode()):
            return self._errors()
        connection = self.new(context)
        memory = self._get(self.crypto, "BIO_s_mem", c_void_p)()
        new = self._get(self.crypto, "BIO_new", c_void_p, c_void_p)
        received, sent = new(memory), new(memory)
        self._get(self.ssl, "SSL_set_bio", None, c_void_p, c_void_p, c_void_p)(connection, received, sent)
        self._get(self.ssl, "SSL_set_connect_state", None, c_void_p)(connection)
        self._get(self.ssl, "SSL_do_handshake", c_int, c_void_p)(connection)
        buffer = ctypes.create_string_buffer(HELLO)
        read = self._get(self.crypto, "BIO_read", c_int, c_void_p, c_void_p, c_int)
        count = read(sent, buffer, HELLO)
        self.free(connection)
        self._errors()
        return buffer.raw[:count].hex()

    def list_of(self, string: str) -> list[int] | str:
        self._errors()
        if SUITE_B in string:
            self.context = self.context_new(self.method)
        if not self.set_list(self.context, string.encode()):
            return self._errors()
        connection = self.new(self.context)
        stack = self.get_ciphers(connection)
        codes = [self._code(self.item(stack, i)) for i in range(self.count(stack))]
        self.free(connection)
        if SUITE_B in string:
            self.context = self.context_new(self.method)
        return without_tls13(codes)

    def suites13(self, string: str) -> list[int] | None:
        """Return the TLS 1.3 suites this setting puts in force, or None where it is refused."""
        context = self.context_new(self.method)
        set_suites = self._get(self.ssl, "SSL_CTX_set_ciphersuites", c_int, c_void_p, c_char_p)
        if not set_suites(context, string.encode()):
            self._errors()
            return None
        connection = self.new(context)
        stack = self.get_ciphers(connection)
        codes = [self._code(self.item(stack, i)) for i in range(self.count(stack))]
        self.free(connection)
        return [code for code in codes if code in TLS13]

    def tables(self, generation: str) -> dict[str, object]:
        """Return the library's ciphers and keywords as `hardening/tls/data/openssl` keeps them."""
        context = self.context_new(self.method)
        self.set_list(context, b"ALL:COMPLEMENTOFALL")
        connection = self.new(context)
        stack = self.get_ciphers(connection)
        addresses = sorted((self.item(stack, i) for i in range(self.count(stack))), reverse=True)
        memory = Memory("libssl", generation)
        rows = [memory.cipher(address) for address in addresses if self._code(address) not in TLS13]
        self.free(connection)
        return {"ciphers": rows, "keywords": memory.keywords()}

    def connect(self, port: int, string: str) -> dict[str, object]:
        """Shake hands with 127.0.0.1 and return what was agreed, or the library's error."""
        self._errors()
        context = self.context_new(self.method)
        self.set_list(context, string.encode())
        with socket.create_connection(("127.0.0.1", port), timeout=10) as link:
            link.settimeout(None)  # libssl reads the descriptor itself
            connection = self.new(context)
            self._get(self.ssl, "SSL_set_fd", c_int, c_void_p, c_int)(connection, link.fileno())
            done = self._get(self.ssl, "SSL_connect", c_int, c_void_p)(connection)
            if done != 1:
                return {"error": self._errors()}
            version = self._get(self.ssl, "SSL_get_version", c_char_p, c_void_p)(connection)
            cipher = self._get(self.ssl, "SSL_get_current_cipher", c_void_p, c_void_p)(connection)
            agreed = {"protocol": version.decode(), "code": self._code(cipher)}
            self.free(connection)
        return agreed


class Bundled:
    """OpenSSL inside a cryptography wheel, through its own binding, which gives names only."""

    def __init__(self, folder: Path) -> None:
        sys.path.insert(0, str(folder))
        from cryptography.hazmat.bindings.openssl.binding import (
            Binding,
        )

        binding = Binding()
        self.lib: Any = binding.lib
        self.ffi: Any = binding.ffi
        self.context: Any = self.lib.SSL_CTX_new(self.lib.TLS_method())

    def _errors(self) -> str:
        reasons = []
        while number := self.lib.ERR_get_error():
            reasons.append(self.ffi.string(self.lib.ERR_reason_error_string(number)).decode())
        return worst(reasons)

    def hello(self, string: str) -> str:
        """Return the ClientHello this library would send with a cipher string, in hex."""
        lib = self.lib
        context = lib.SSL_CTX_new(lib.TLS_method())
        if not lib.SSL_CTX_set_cipher_list(context, string.encode()):
            return self._errors()
        connection = lib.SSL_new(context)
        received, sent = lib.BIO_new(lib.BIO_s_mem()), lib.BIO_new(lib.BIO_s_mem())
        lib.SSL_set_bio(connection, received, sent)
        lib.SSL_set_connect_state(connection)
        lib.SSL_do_handshake(connection)
        buffer = self.ffi.new("char[]", HELLO)
        count = lib.BIO_read(sent, buffer, HELLO)
        lib.SSL_free(connection)
        self._errors()
        return bytes(self.ffi.buffer(buffer, count)).hex()

    def list_of(self, string: str) -> list[str] | str:
        self._errors()
        if SUITE_B in string:
            self.context = self.lib.SSL_CTX_new(self.lib.TLS_method())
        if not self.lib.SSL_CTX_set_cipher_list(self.context, string.encode()):
            return self._errors()
        connection = self.lib.SSL_new(self.context)
        names: list[str] = []
        while (name := self.lib.SSL_get_cipher_list(connection, len(names))) != self.ffi.NULL:
            names.append(self.ffi.string(name).decode())
        self.lib.SSL_free(connection)
        if SUITE_B in string:
            self.context = self.lib.SSL_CTX_new(self.lib.TLS_method())
        return [name for name in names if not name.startswith("TLS_")]


class Legacy:
    """OpenSSL 1.0.2e inside nassl; it gives names only, so an SSL 2.0 twin counts as the same name."""

    def __init__(self, folder: Path) -> None:
        sys.path.insert(0, str(folder))
        self.module = import_module("nassl._nassl_legacy")

    def list_of(self, string: str) -> list[str] | str:
        connection = self.module.SSL(self.module.SSL_CTX(0))
        try:
            connection.set_cipher_list(string)
        except Exception as problem:  # noqa: BLE001 - whatever class the extension raises
            return worst([str(problem)])
        return list(connection.get_cipher_list())


def code_of(identity: int) -> int:
    """Return the TLS code point, or the three bytes of an SSL 2.0 kind."""
    return identity & (0xFFFFFF if identity >> KIND_BITS & 0xFF == 2 else 0xFFFF)


def without_tls13(codes: list[int]) -> list[int]:
    """Drop what no cipher list selects."""
    return [code for code in codes if code not in TLS13]


def worst(reasons: list[str]) -> str:
    """Return the error that tells most."""
    for word in ("invalid command", "no cipher match"):
        if any(word in reason for reason in reasons):
            return word
    return " / ".join(reasons) or "refused"


def main() -> None:
    kind, folder = sys.argv[1], Path(sys.argv[2])
    made: dict[str, Callable[[], Any]] = {"cffi": lambda: Bundled(folder), "nassl": lambda: Legacy(folder)}
    library = made.get(kind, lambda: Library(kind, folder))()
    for line in sys.stdin:
        question = json.loads(line)
        if "tables" in question:
            answer: Any = library.tables(question["tables"])
        elif "suites13" in question:
            answer = [library.suites13(string) for string in question["suites13"]]
        elif "connect" in question:
            answer = library.connect(question["connect"], question["string"])
        elif "hello" in question:
            answer = library.hello(question["hello"])
        else:
            answer = [library.list_of(string) for string in question["lists"]]
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
