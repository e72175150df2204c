"""The examples of docs/api.md run, in their order, against a real server and a real signature."""

from __future__ import annotations

import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

from bundle.trust import dsse, keys, statement
from bundle.trust.inventory import inventory
from bundle.trust.verify import signature_of
from hardening.demo import server, specimen, story

ROOT = Path(__file__).parents[3]


def _signed(folder: Path) -> None:
    path = folder / "signed.zip"
    path.write_bytes(specimen.bundle())
    key = keys.generate()
    keys.write(key, folder / "release.key", passphrase=None)
    said = statement.state(path, inventory(path), created=datetime.now(UTC), release="3.07.02")
    signature_of(path).write_bytes(dsse.seal(said.to_bytes(), key).to_bytes())


def test_the_examples_run(tmp_path: Path) -> None:
    blocks = re.findall(
        r"^```python\n(.*?)^```$", (ROOT / "docs/api.md").read_text("utf-8"), re.MULTILINE | re.DOTALL
    )
    assert len(blocks) > 5
    _signed(tmp_path)
    certificates = tmp_path / "server"
    certificates.mkdir()
    story._certificate(certificates)
    (certificates / "server.conf").write_text(server.WEAK)
    with story._running(certificates) as endpoint:
        program = f"PORT = {endpoint.rpartition(':')[2]}\n" + "\n".join(blocks)
        (tmp_path / "examples.py").write_text(program)
        done = subprocess.run(
            [sys.executable, "-W", "error", "examples.py"], cwd=tmp_path, check=False, capture_output=True, text=True
        )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "component/phpinfo" in done.stdout
    assert "pass'" in done.stdout
    assert "aspect fail" in done.stdout
    assert "absent.zip" in done.stdout
    assert "| exit code 2" in done.stdout
    assert (tmp_path / "report.html").stat().st_size > 1000
    assert b"2.1.0" in (tmp_path / "report.sarif").read_bytes()
