"""The commands of docs/trust.md that need no tool of ours are run as they stand there."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

import pytest

from bundle.trust import keys
from hardening.demo import specimen
from tests.support.programs import need
from tests.unit.bundle.trust.test_docs import block, run


def test_the_commands_verify_and_refuse(tmp_path: Path) -> None:
    if missing := [program for program in ("jq", "openssl") if shutil.which(program) is None]:
        word = f"missing: apt-get install {' '.join(missing)}"
        pytest.fail(word) if os.environ.get("CI") == "true" else pytest.skip(word)
    (tmp_path / "upgrade.zip").write_bytes(specimen.bundle())
    made = run(block("sh"), tmp_path)
    assert made.returncode == 0, made.stderr
    assert "Signature Verified Successfully" in made.stdout
    assert "upgrade.zip: OK" in made.stdout
    named = re.findall(r"key id +([0-9a-f]{64})", made.stdout)
    assert made.stdout.splitlines()[-1] == f"{named[0]}  -"
    (tmp_path / "message").write_bytes((tmp_path / "message").read_bytes().replace(b"3.07.02", b"3.07.03"))
    (check,) = [line for line in block("sh").splitlines() if line.startswith("openssl pkeyutl")]
    assert run(check, tmp_path).returncode != 0


@pytest.mark.parametrize("algorithm", keys.ALGORITHMS)
def test_cosign_verifies_the_same_envelope(tmp_path: Path, algorithm: str) -> None:
    need("cosign")
    bundle = tmp_path / "upgrade.zip"
    bundle.write_bytes(specimen.bundle())
    keygen = f"harden bundle keygen --out release.key --algorithm {algorithm} --no-passphrase"
    sign = "harden bundle sign upgrade.zip --key release.key --no-passphrase"
    assert run(f"{keygen}\n{sign}", tmp_path).returncode == 0
    done = run(block("cosign"), tmp_path)
    assert "Verified OK" in done.stderr + done.stdout
    bundle.write_bytes(bundle.read_bytes() + b"x")
    assert run(block("cosign"), tmp_path).returncode != 0
