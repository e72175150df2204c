"""Five hundred seeded tamperings of signed bundles: each is refused with exit 11 and named; none ends the program.

The default run does two of every kind; `make tamper-test` does all.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hardening.cli import run
from hardening.errors import ExitCode
from tests.support.bundle.trust import tamperings


def refused(folder: Path, seed: int) -> str:
    """Tamper once and return the kind; anything but a named refusal fails."""
    case = tamperings.make(folder, seed)
    report = folder / "report.json"
    command = ["bundle", "verify", str(case.bundle), "--trust", str(case.trust), "--format", "json"]
    assert run([*command, "-o", str(report)]) == ExitCode.OK, f"seed {seed}: the untouched bundle is refused"
    kind = tamperings.TAMPERINGS[seed % len(tamperings.TAMPERINGS)]
    wanted = kind(case)
    code = run([*command, "-o", str(report)])
    assert code == ExitCode.REFUSED, f"seed {seed} ({kind.__name__}): exit {code}"
    said = [f"{f['rule']}: {f['message']}" for f in json.loads(report.read_bytes())["findings"]]
    assert len(said) == 1
    assert len(said[0].split(": ", 1)[1]) > len("x was changed")
    assert wanted in said[0], f"seed {seed} ({kind.__name__}): {said[0]!r} does not say {wanted!r}"
    return str(kind.__name__)


@pytest.mark.parametrize("seed", range(len(tamperings.TAMPERINGS)))
def test_one_of_every_kind(tmp_path: Path, seed: int) -> None:
    refused(tmp_path, seed)
