"""rpm: lead, signature, header, and the payload behind them."""

from __future__ import annotations

import struct

from bundle.walk.problem import Broken
from bundle.walk.source import Source

SCRIPTS = "rpm-scripts"
"""How the text is called of all scripts of a package, one behind the other."""
NOTES = "rpm-notes"
"""How the text is called that tells people of a package."""
_HEADER = b"\x8e\xad\xe8\x01"
_MOST = 256 << 20
_SCRIPTS = {
    1023: "pre-install script", 1024: "post-install script", 1025: "pre-uninstall script", 1026: "post-uninstall script",
    1079: "verify script", 1151: "pre-transaction script", 1152: "post-transaction script", 1065: "trigger script",
    5066: "file trigger script", 5076: "transaction file trigger script", 5103: "pre-uninstall-transaction script",
    5104: "post-uninstall-transaction script",
}  # fmt: skip
_NOTES = {1005: "package description", 1082: "package changelog"}
_TEXTS = {**_SCRIPTS, **_NOTES}
"""What of a header is text that somebody wrote, by its tag."""
_STRING, _STRING_TYPES = 6, (6, 8, 9)


def payload_at(source: Source) -> tuple[int, int, dict[str, str]]:
    """Return where the package's header starts, where the payload does, and the header's texts. Errors: Broken."""
    _, signature_end = _section(source, 96)
    at = -(-signature_end // 8) * 8
    texts, end = _section(source, at)
    return at, end, {SCRIPTS: _joined(texts, _SCRIPTS), NOTES: _joined(texts, _NOTES)}


def script_of(line: bytes) -> str:
    """Return the script, or what else a header says, that begins behind a line of its texts; empty for none."""
    name = line.removeprefix(b"# ").decode("latin-1")
    return name if line.startswith(b"# ") and name in _TEXTS.values() else ""


def _joined(texts: list[tuple[int, bytes]], wanted: dict[int, str]) -> str:
    made = b"".join(b"# %s\n%s\n" % (wanted[tag].encode(), text) for tag, text in texts if tag in wanted)
    return made.decode("utf-8", "backslashreplace")


def _section(source: Source, at: int) -> tuple[list[tuple[int, bytes]], int]:
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
    store = source.read(base, size)
    texts: list[tuple[int, bytes]] = []
    left = size
    for tag, kind, offset, count in struct.iter_unpack(">4I", index):
        if tag not in _TEXTS or kind not in _STRING_TYPES:
            continue
        begin = offset
        for _ in range(count if kind != _STRING else 1):
            if begin >= size:
                break
            behind = store.find(b"\0", begin)
            text = store[begin : behind if behind >= 0 else size]
            begin += len(text) + 1
            left -= len(text) + 1
            if left < -1:
                raise Broken("corrupt", "texts of its header lie over each other")
            texts.append((tag, text.rstrip(b"\n")))
    return texts, end
