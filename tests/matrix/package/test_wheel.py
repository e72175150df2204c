"""A wheel, installed in a clean environment away from the checkout, has all it needs."""

from __future__ import annotations

import subprocess
import tarfile
import venv
from pathlib import Path

from tests.real.package.test_wheel import run, wheel

__all__ = ["wheel"]


def test_it_changes_hosts_away_from_the_checkout(wheel: Path, tmp_path: Path) -> None:
    """With Ansible beside it: the playbooks and the collection are the wheel's own, and the collection can be built from there."""
    venv.create(tmp_path / "env", with_pip=True)
    python = tmp_path / "env/bin/python"
    done = subprocess.run(
        [python, "-m", "pip", "install", "--quiet", f"{wheel}[ansible]"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    unwanted = tmp_path / "web" / "adminer.php"
    unwanted.parent.mkdir()
    unwanted.write_text("<?php\n")
    (tmp_path / "inventory").write_text(
        f"[all]\nh\n[all:vars]\nansible_connection=local\nansible_python_interpreter={python}\n"
        f"components_absent=['{unwanted}']\ncomponents_install_agent=false\ncomponents_deadman=0\n"
        f"components_state_dir={tmp_path}/state\naspect_state_dir={tmp_path}/state\n"
    )
    for words, here, said in (
        ("host apply", False, "exit 0"),
        ("upgrade status", False, "committed"),
        ("upgrade rollback", True, "1 paths changed"),
    ):
        done = run(tmp_path / "env/bin/harden", *words.split(), "-i", "inventory", cwd=tmp_path)
        assert (done.returncode, unwanted.exists()) == (0, here), done.stdout + done.stderr
        assert said in done.stdout
    where = run(
        python, "-c", "import hardening.resources as r; print(r.playbooks())", cwd=tmp_path
    ).stdout.strip()
    collection = Path(where, "collections/ansible_collections/aspect/hardening")
    built = run(
        tmp_path / "env/bin/ansible-galaxy", "collection", "build", "--output-path", tmp_path, cwd=collection
    )
    assert built.returncode == 0, built.stderr
    with tarfile.open(next(tmp_path.glob("aspect-hardening-*.tar.gz"))) as archive:
        names = set(archive.getnames())
    assert {
        "MANIFEST.json",
        "roles/control_engine/tasks/set.yml",
        "plugins/action/control_engine.py",
    } <= names
    assert not [name for name in names if "__pycache__" in name or name.endswith(".pyc")]
