"""The shipped pytest-testinfra suites as a part of the proof: what an operator's settings ask of a host."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from hardening import resources

_SHOWN = 5
_LONGEST = 600.0
"""Seconds that the suites may take on one host; a host that hangs is not proved."""


def failures(host: str, inventories: Sequence[str], settings: Path) -> list[str]:
    """Run the suites against one host of the inventory; return what failed, one line each.

    A run that looked at nothing is a failure too.
    """
    argv = [
        sys.executable,
        "-P",  # the current folder may be a stranger's
        "-m",
        "pytest",
        "-q",
        "-rf",
        "--tb=no",
        "-p",
        "no:cacheprovider",
        "-c",
        os.devnull,
    ]
    argv += ["--rootdir", str(resources.infra()), f"--hosts=ansible://{host}"]
    argv += [f"--ansible-inventory={one}" for one in inventories[:1]]
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"  # testinfra asks ansible-inventory
    try:
        done = subprocess.run(
            [*argv, str(resources.infra())],
            env={**os.environ, "HARDEN_SETTINGS": str(settings.resolve()), "PATH": path},
            stdin=subprocess.DEVNULL,  # ssh would ask there for a password, and wait
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=_LONGEST,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return [f"testinfra: no answer within {_LONGEST:g} seconds"]
    if done.returncode == 0 and " passed" in done.stdout:
        return []
    if "No module named pytest" in done.stderr:
        return ["testinfra: pytest and pytest-testinfra are not installed in the Python that runs Ansible"]
    refused = [line[7:] for line in done.stderr.splitlines() if line.startswith("ERROR: ")]  # of the settings
    if refused:
        return [f"testinfra: {refused[0]}"]
    failed = [line for line in done.stdout.splitlines() if line.startswith(("FAILED ", "ERROR "))]
    last = (done.stdout.strip() or done.stderr.strip() or "no output").splitlines()[-1]
    return [f"testinfra: {line}" for line in (failed[:_SHOWN] or [last])]
