"""The SHA-256 of a content, made when it is first asked for: of most members nobody asks."""

from __future__ import annotations

import hashlib


class Digest:
    """The digest of a content at hand, which is held until it is made, or one that is known."""

    __slots__ = ("_content", "_known")

    def __init__(self, content: bytes, known: str = "") -> None:
        """Take a content; with `known`, lower-case hex, no more has to be done."""
        self._content = b"" if known else content
        self._known = known

    @property
    def sha256(self) -> str:
        """Lower-case hex."""
        if not self._known:
            self._known, self._content = hashlib.sha256(self._content).hexdigest(), b""
        return self._known

    def __eq__(self, other: object) -> bool:
        """Whether the contents are equal."""
        return isinstance(other, Digest) and self.sha256 == other.sha256

    def __hash__(self) -> int:
        """Equal contents, equal hashes."""
        return hash(self.sha256)
