"""Streaming walk over every nesting of a bundle.

for said in walk("upgrade.run"):
    match said:
        case Member(): ...      # one file, link, folder or container
        case Problem(): ...     # what could not be examined, or is hostile
"""

from __future__ import annotations

from collections.abc import Iterator

from bundle.walk.limits import WalkLimits
from bundle.walk.member import ContainerEntry, Member
from bundle.walk.problem import RULES, Problem

__all__ = ["RULES", "ContainerEntry", "Member", "Problem", "WalkLimits", "walk"]


def walk(
    path: str, limits: WalkLimits | None = None, *, passwords: tuple[bytes, ...] = ()
) -> Iterator[Member | Problem]:
    """Say every member of a file or folder, at every nesting, in the order they are stored.

    Content lies in memory or in one unlinked temporary file and is valid until the next member is asked for.
    Members of equal containers are said every time. Errors: InputError (absent, unreadable).
    """
    from bundle.walk.walker import (
        Walker,
    )  # with every reader of every format: some only want to name a member

    walker = Walker(limits, passwords=passwords)
    try:
        for event in walker.walk(path):
            if isinstance(event, Member | Problem):
                yield event
    finally:
        walker.close()
