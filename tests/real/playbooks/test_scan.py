"""playbooks/scan.yml as an operator runs it: two vantage points, one list, one report."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.real.tls.scan.test_real import GOOD, WEAK, nginx

ROOT = Path(__file__).resolve().parents[3]
VANTAGE = "north ansible_connection=local\nsouth ansible_connection=local\n"


def _play(folder: Path, *extra: str) -> subprocess.CompletedProcess[str]:
    (folder / "vantage.ini").write_text(VANTAGE)
    scripts = Path(sys.executable).parent
    environment = {
        **os.environ,
        "PATH": f"{scripts}:{os.environ['PATH']}",
        "ANSIBLE_CONFIG": str(ROOT / "playbooks" / "ansible.cfg"),
        "ANSIBLE_PYTHON_INTERPRETER": sys.executable,
    }
    words = [
        str(scripts / "ansible-playbook"),
        "-i",
        str(folder / "vantage.ini"),
        str(ROOT / "playbooks" / "scan.yml"),
    ]
    return subprocess.run(
        [*words, "-e", f"endpoints_file={folder}/site.txt", "-e", f"report={folder}/site.json", *extra],
        capture_output=True, text=True, env=environment, cwd=folder, check=False,
    )  # fmt: skip


def test_two_vantage_points_share_a_list_and_write_one_report(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    with nginx(tmp_path / "a", GOOD) as good, nginx(tmp_path / "b", WEAK) as weak:
        (tmp_path / "site.txt").write_text(f"# the site\n{good}\n\n  {weak}  # the old one\n127.0.0.1:1\n")
        done = _play(tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    said = json.loads((tmp_path / "site.json").read_text())
    examined = {s["id"]: (s["examined"], s["policies"]["aspect"]) for s in said["subjects"]}
    assert examined == {good: ("full", "pass"), weak: ("full", "fail"), "127.0.0.1:1": ("none", "unknown")}
    assert said["summary"]["exit_code"] == 10
    shares = {path.name: len(path.read_text().splitlines()) for path in tmp_path.glob("site.json.*.jsonl")}
    assert shares == {"site.json.north.jsonl": 2, "site.json.south.jsonl": 1}
    assert {oct(path.stat().st_mode & 0o777) for path in tmp_path.glob("site.json.*.jsonl")} == {"0o600"}


def test_paths_are_those_of_the_folder_where_one_stands(tmp_path: Path) -> None:
    """As docs/scanning.md writes the command; Ansible would look beside the playbook."""
    (tmp_path / "site.txt").write_text("127.0.0.1:1\n127.0.0.1:2\n")
    done = _play(tmp_path, "-e", "endpoints_file=site.txt", "-e", "report=site.json")
    assert done.returncode == 0, done.stdout + done.stderr
    said = json.loads((tmp_path / "site.json").read_text())
    assert [one["id"] for one in said["subjects"]] == ["127.0.0.1:1", "127.0.0.1:2"]
    assert not list((ROOT / "playbooks").glob("*.jsonl"))


def test_a_vantage_point_that_cannot_scan_fails_the_play(tmp_path: Path) -> None:
    (tmp_path / "site.txt").write_text("127.0.0.1:1\n127.0.0.1:2\n")
    done = _play(tmp_path, "-e", "policy=nonsense")
    assert done.returncode != 0
    assert "nonsense" in done.stdout
    assert not (tmp_path / "site.json").exists()
