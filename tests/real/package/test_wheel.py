"""A wheel, installed in a clean environment away from the checkout, has all it needs."""

from __future__ import annotations

import json
import subprocess
import sys
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


def run(*command: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    clean = {"PATH": "/usr/bin:/bin", "HOME": str(cwd), "LANG": "C.UTF-8"}
    return subprocess.run(
        [str(c) for c in command],
        cwd=cwd,
        env=clean,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("wheel")
    command = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--quiet",
        "--no-deps",
        "--wheel-dir",
        str(out),
        str(ROOT),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    (made,) = out.glob("aspect_hardening-*.whl")
    return made


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("installed")
    venv.create(home / "env", with_pip=True)
    command = [str(home / "env/bin/python"), "-m", "pip", "install", "--quiet", str(wheel)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    return home


def test_the_wheel_ships_templates_playbooks_and_suites(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    for wanted in ("templates/tls/nginx.conf.j2", "templates/report/report.html.j2", "playbooks/harden.yml"):
        assert f"hardening/_shipped/{wanted}" in names
    assert any(n.startswith("hardening/_shipped/infra/test_") for n in names)
    assert "hardening/reports/harden-report-1.schema.json" in names
    assert any(n.endswith("licenses/LICENSE") for n in names)
    assert not [n for n in names if n.startswith(("tests/", "bench/")) or "__pycache__" in n]


def test_it_finds_what_it_ships(installed: Path) -> None:
    script = (
        "import json, hardening.resources as r;"
        "print(json.dumps([[str(p), sorted(x.name for x in p.iterdir())] for p in (r.templates(), r.playbooks(), r.infra())]))"
    )
    done = run(installed / "env/bin/python", "-c", script, cwd=installed)
    assert done.returncode == 0, done.stderr
    for path, found in json.loads(done.stdout):
        assert path.startswith(str(installed))
        assert found


def test_it_tells_the_whole_story(installed: Path) -> None:
    done = run(installed / "env/bin/harden", "demo", "--keep", "kept", cwd=installed)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "before" in done.stdout
    assert "after" in done.stdout
    assert (installed / "kept" / "report.html").stat().st_size > 10_000


def test_it_renders_away_from_the_checkout(installed: Path) -> None:
    done = run(installed / "env/bin/harden", "tls", "render", "nginx", "--policy", "aspect", cwd=installed)
    assert done.returncode == 0, done.stderr
    assert "ssl_protocols" in done.stdout


@pytest.mark.long
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
