"""Text that is in a member but not as text: made here, said as derived members."""

from __future__ import annotations

from collections.abc import Iterator

from bundle.walk.limits import Limits
from bundle.walk.member import Member
from bundle.walk.source import Source


def texts(member: Member, source: Source, limits: Limits) -> Iterator[Member]:
    """Say every text that can be derived from one stored file."""
    del member, source, limits
    return iter(())
