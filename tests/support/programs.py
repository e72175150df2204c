"""Programs that a test needs."""

from __future__ import annotations

import os
import shutil

import pytest


def need(program: str) -> str:
    """Return where a program is; skip the test where it is not installed (fail in CI)."""
    found = shutil.which(program)
    if found is None:
        message = f"{program} is not installed; see .ci/packages.txt"
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)
    return found
