"""Placeholders of a cleaned bundle, and the list that says where a host fills them in."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bundle.clean.references import SCHEMA
from bundle.detect.credentials.texts import place
from bundle.detect.credentials.texts.replacing import REFERENCE
from bundle.detect.credentials.texts.textview import View
from bundle.walk import walk
from bundle.walk.limits import WalkLimits
from bundle.walk.member import Member
from hardening import inputs
from hardening.errors import InputError
from hardening.findings import NESTING

_LARGEST_LIST = 64 << 20


@dataclass(frozen=True, slots=True)
class Placeholder:
    """One `@secret:name@` in a bundle."""

    name: str
    path: str
    """Inside the bundle."""
    line: int


def placeholders(path: Path, limits: WalkLimits | None = None) -> Iterator[Placeholder]:
    """Yield each placeholder in the stored texts of a bundle; a manual that shows one fills nothing in."""
    for seen in walk(str(path), limits or WalkLimits()):
        if not isinstance(seen, Member) or seen.kind != "file" or seen.derived or seen.container:
            continue
        view = View.of(seen)
        found = list(REFERENCE.finditer(view.data))
        if not found or place.is_documentation(seen.parts[-1], place.style(seen), seen.content):
            continue
        for one in found:
            name = one[0][len(b"@secret:") : -1].decode()
            line = seen.at(view.place(one.start())[0]).line or 1
            yield Placeholder(name, NESTING.join(seen.parts[1:]) or seen.name, line)


def listed(file: Path) -> frozenset[str]:
    """Return the names in a list that `bundle clean --secrets` wrote. Errors: InputError."""
    hint = "give the file that harden bundle clean --secrets wrote"
    try:
        body = json.loads(inputs.read(file, _LARGEST_LIST))
        if body["schema"] != SCHEMA:
            raise InputError(f"{file}: not a list of secrets ({SCHEMA})", hint=hint)
        return frozenset(str(row["name"]) for row in body["secrets"] if row["places"])
    except OSError as problem:
        raise InputError(f"{file}: {problem.strerror}", hint=hint) from problem
    except (ValueError, KeyError, TypeError) as problem:
        raise InputError(f"{file}: not a list of secrets ({SCHEMA})", hint=hint) from problem
