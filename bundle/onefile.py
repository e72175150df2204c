"""A bundle that has to be one file, for it is hashed, signed or written again."""

from __future__ import annotations

import stat
from pathlib import Path

from hardening.errors import InputError


def required(path: Path) -> None:
    """Refuse what is not a file. Errors: InputError that says what it is instead."""
    try:
        mode = path.stat().st_mode
    except OSError as problem:
        hint = "check the path and its permissions"
        raise InputError(f"{path}: {problem.strerror or problem}", hint=hint) from problem
    if stat.S_ISDIR(mode):
        raise InputError(f"{path}: is a folder", hint="give the bundle as one file, such as an archive of it")
    if not stat.S_ISREG(mode):
        raise InputError(f"{path}: is not a regular file", hint="give the bundle as one file")
