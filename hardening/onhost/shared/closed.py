"""Folders that this account may not look into: what is below them is unknown, not absent."""

import os


def closed_folder(pattern):
    """Return the first such folder on the way to a path or pattern, or None."""
    here = "/"
    for part in pattern.split("/"):
        wild = [c for c in "*?[" if c in part]
        if os.path.isdir(here) and not os.access(here, os.R_OK | os.X_OK if wild else os.X_OK):
            return here
        if wild:
            break
        here = os.path.join(here, part)
    return None
