"""rpm: lead, signature, header, and the payload behind them."""

from __future__ import annotations

from bundle.walk.problem import Broken
from bundle.walk.source import Source

SCRIPTS = "rpm-scripts"
"""How the text is called of all scripts of a package, one behind the other."""
LEAD = b"\xed\xab\xee\xdb"
_HEADER = b"\x8e\xad\xe8\x01"
_MOST = 256 << 20
_SCRIPTS = {
    1023: "pre-install", 1024: "post-install", 1025: "pre-uninstall", 1026: "post-uninstall", 1079: "verify",
    1151: "pre-transaction", 1152: "post-transaction",
}  # fmt: skip
_STRING_TYPES = (6, 8, 9)


def payload_at(source: Source) -> tuple[int, bytes]:
    """Return where the payload starts, and the text of the package's scripts. Errors: Broken."""
    _, signature_end = _section(source, 96)
    at = -(-signature_end // 8) * 8
    scripts, end = _section(source, at)
    return end, scripts


def script_of(line: bytes) -> str:
    """Return the script that begins behind a line of the text of an rpm's scripts; empty for none."""
    name = line.removeprefix(b"# ").decode("latin-1")
    return name if line.startswith(b"# ") and name in _SCRIPTS.values() else ""


def _section(source: Source, at: int) -> tuple[bytes, int]:
    head = source.read(at, 16)
    if len(head) < 16:
        raise Broken("truncated", "ends inside its header")
    if head[:4] != _HEADER:
        raise Broken("corrupt", f"no rpm header at byte {at}")
    count, size = int.from_bytes(head[8:12], "big"), int.from_bytes(head[12:16], "big")
    end = at + 16 + 16 * count + size
    if end > source.size or end - at > _MOST:
        raise Broken("truncated", "ends inside its header")
    index = source.read(at + 16, 16 * count)
    base = at + 16 + 16 * count
    texts: list[bytes] = []
    for row in range(0, len(index), 16):
        tag, kind, offset = (int.from_bytes(index[row + i : row + i + 4], "big") for i in (0, 4, 8))
        if tag in _SCRIPTS and kind in _STRING_TYPES and offset < size:
            text = source.read(base + offset, min(size - offset, 1 << 20)).split(b"\0", 1)[0]
            texts.append(b"# " + _SCRIPTS[tag].encode() + b"\n" + text.rstrip(b"\n") + b"\n")
    return b"".join(texts), end
