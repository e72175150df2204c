"""Name the caller of a verb that changes hosts, for the journal and the receipt."""

from __future__ import annotations

import getpass
import os


def user() -> str:
    """Return the account's name, or its number where it has none, as in a container with a user of its own."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # the former before Python 3.13
        return f"uid {os.getuid()}"
