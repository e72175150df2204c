"""A wheel, installed in a clean environment away from the checkout, has all it needs."""

from __future__ import annotations

import json
import subprocess
import sys
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
    assert {"hardening/onhost/loader.py", "hardening/onhost/agent/main.py"} <= names  # sent as source
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


def test_it_sends_its_programs_away_from_the_checkout(installed: Path) -> None:
    script = "from hardening.host.session import here; print(here(state='/nowhere').ask('status')['verb'])"
    done = run(installed / "env/bin/python", "-c", script, cwd=installed)
    assert (done.returncode, done.stdout) == (0, "status\n"), done.stderr
