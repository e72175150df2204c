"""Literals of a Java source with their places, and where a source holds one that is worth a look."""

from __future__ import annotations

from collections.abc import Sequence

from bundle.detect.credentials.java.known import Text
from bundle.detect.credentials.java.sinks import SINKS
from bundle.detect.credentials.java.tokens import NUMBER, Token

_LEAST_BYTES = 8
WORTH = (
    r"""(?i)(?:secret|token|cred|key|login|auth|account|psk|pass)[\w$]{0,30}(?:\[\]|\(\)|[>\s]){0,4}[=(,{:-][^;"]{0,120}"[^"\s]{2,80}\"""",
    r"""(?i)(?:passw|passphrase|pwd|storepass|assword:|credential)""",
    r"""(?i)(?:key|secret)[\w$]{0,30}[^;"']{0,60}\{\s{0,4}(?:'|\(byte\)|0x|-?\d{1,3}, )""",
    r'"(?:mysql|mysqldump|sshpass|curl|ipmitool|ldapsearch|keytool|unzip|openssl|smbclient)"',
    r'"(?:Proxy-)?Authorization"|\.security\.user"|"openssl"|\bUsmUser|\bnew \w{0,30}User(?:Info|Data)? ?\(',
    rf"\b(?:{'|'.join(one.callee.rpartition('.')[2] for one in SINKS)}|getConnection) ?\(",
)
"""What a source says where its statements are worth reading: a word for a secret, and a literal behind it, or what is given one."""


class Literal(Text):
    """A literal and its place in the source."""

    __slots__ = ("end", "start")

    def __init__(self, *_: str) -> None:
        super().__init__()
        self.start = self.end = 0


def written_out(text: str, start: int, end: int) -> Literal:
    """Return a literal with its place."""
    made = Literal(text)
    made.start, made.end = start, end
    return made


def bytes_of(inner: Sequence[Token]) -> str | None:
    """Return bytes that are written out: as text, or in hexadecimal."""
    values: list[int] = []
    negative = False
    for one in inner:
        if one.kind == NUMBER:
            try:
                values.append((-1 if negative else 1) * int(one.text, 0) & 0xFF)
            except ValueError:
                return None
            negative = False
        elif one.text == "-":
            negative = True
        elif one.text not in ("(", ")", "byte", ","):
            return None
    if len(values) < _LEAST_BYTES:
        return None
    data = bytes(values)
    return data.decode("ascii") if data.isascii() and data.decode("ascii").isprintable() else data.hex()
