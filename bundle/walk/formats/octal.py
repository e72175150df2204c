"""Numbers as tar headers write them."""

from __future__ import annotations

from functools import lru_cache


@lru_cache(maxsize=4096)
def number(field_: bytes) -> int:
    """Return an octal or base-256 number; -1 where it is neither."""
    if field_[0] & 0x80:
        value = int.from_bytes(field_, "big") & ((1 << (8 * len(field_) - 1)) - 1)
        return value if not field_[0] & 0x40 else -1
    text = field_.split(b"\0", 1)[0].strip(b" ")
    if not text:
        return 0
    try:
        return int(text, 8) if text.isdigit() else -1
    except ValueError:
        return -1
