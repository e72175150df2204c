"""Every row of the credential detector changes an example when it is left out."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import bundle

ROOT = Path(bundle.__file__).parents[1]


def test_every_row_is_proved_by_an_example() -> None:
    done = subprocess.run(
        [sys.executable, "bench/prune.py"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, "every row is proved\n"), done.stdout + done.stderr
