"""squashfs 4."""

from __future__ import annotations

from collections.abc import Iterator

from bundle.walk.formats.raw import Context, Note, Raw
from bundle.walk.problem import Broken
from bundle.walk.source import Source


def members(source: Source, context: Context) -> Iterator[Raw | Note]:
    """Say the members."""
    del source, context
    raise Broken("unsupported", "squashfs")
    yield Note("unsupported", "")
