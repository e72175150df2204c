"""Real material: packages fetched once with their own clients, into .cache/."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

import pytest

from bundle.detect.components import Components
from bundle.walk.member import Member
from hardening.findings import Finding

CACHE = Path(__file__).parents[5] / ".cache" / "components"
TODAY = date(2026, 11, 24)


def missing(what: str) -> None:
    """Skip, or fail where nothing may be skipped."""
    if os.environ.get("CI") == "true":
        pytest.fail(what)
    pytest.skip(what)


def run(*command: str, cwd: Path) -> bool:
    try:
        done = subprocess.run(command, cwd=cwd, capture_output=True, timeout=300, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


@pytest.fixture(scope="session")
def need() -> Callable[[str], str]:
    """The path of a program that a test cannot do without."""

    def found(program: str) -> str:
        path = shutil.which(program)
        if path is None:
            missing(f"{program} is missing: install the package that has it")
        return path or ""

    return found


@pytest.fixture(scope="session")
def debian() -> Callable[[str], Path]:
    """The unpacked folder of a Debian package."""

    def unpacked(name: str) -> Path:
        folder = CACHE / "debian" / name
        if not folder.is_dir():
            fetched = CACHE / "deb" / name
            fetched.mkdir(parents=True, exist_ok=True)
            download = ("apt-get", "download", "-q", name)
            if not any(fetched.glob("*.deb")) and not run(*download, cwd=fetched):
                run("apt-get", "update", "-q", cwd=fetched)  # a fresh machine has no lists of packages
            if not any(fetched.glob("*.deb")) and not run(*download, cwd=fetched):
                missing(f"Debian's package {name} is not to be had: apt-get download {name}")
            (package,) = fetched.glob("*.deb")
            part = folder.with_name(f"{name}.{os.getpid()}")
            part.mkdir(parents=True, exist_ok=True)
            if not run("dpkg-deb", "-x", str(package), str(part), cwd=fetched):
                missing("dpkg-deb is missing or failed: apt-get install dpkg")
            _settle(part, folder)
        return folder

    return unpacked


@pytest.fixture(scope="session")
def npm() -> Callable[[str], Path]:
    """The unpacked folder of an npm package, named as `name@version`."""

    def unpacked(name: str) -> Path:
        folder = CACHE / "npm" / name.replace("/", "+")
        if not folder.is_dir():
            part = folder.with_name(f"{folder.name}.{os.getpid()}")
            part.mkdir(parents=True, exist_ok=True)
            if not run("npm", "pack", "--silent", name, cwd=part):
                shutil.rmtree(part)
                missing(f"npm's package {name} is not to be had: npm pack {name}")
            (packed,) = part.glob("*.tgz")
            shutil.unpack_archive(packed, part, "gztar", filter="data")
            packed.unlink()
            _settle(part, folder)
        return folder

    return unpacked


@pytest.fixture(scope="session")
def pypi() -> Callable[[str], Path]:
    """The unpacked source distribution of a Python package, named as `name==version`."""

    def unpacked(name: str) -> Path:
        folder = CACHE / "pypi" / name
        if not folder.is_dir():
            fetched = CACHE / "sdist" / name
            fetched.mkdir(parents=True, exist_ok=True)
            if not any(fetched.glob("*.tar.gz")):
                tools = CACHE / "sdist" / "tools"  # pip asks the source for its name, which needs these
                run("python3", "-m", "venv", str(tools), cwd=fetched)
                pip = str(tools / "bin" / "pip")
                run(pip, "install", "-q", "setuptools<81", "wheel", cwd=fetched)
                run(
                    pip,
                    "download",
                    "-q",
                    "--no-deps",
                    "--no-build-isolation",
                    "--no-binary",
                    ":all:",
                    name,
                    cwd=fetched,
                )
            packed = next(iter(fetched.glob("*.tar.gz")), None)
            if packed is None:
                missing(f"PyPI's package {name} is not to be had: pip download --no-binary :all: {name}")
            part = folder.with_name(f"{name}.{os.getpid()}")
            part.mkdir(parents=True, exist_ok=True)
            shutil.unpack_archive(str(packed), part, filter="data")
            _settle(part, folder)
        return folder

    return unpacked


@pytest.fixture(scope="session")
def npm_program() -> Callable[[str, str], Path]:
    """A program out of an npm package, installed with what it needs."""

    def installed(package: str, program: str) -> Path:
        folder = CACHE / "programs" / package
        path = folder / "node_modules" / ".bin" / program
        if not path.exists():
            folder.mkdir(parents=True, exist_ok=True)
            if not run("npm", "install", "--silent", "--prefix", str(folder), package, cwd=folder):
                missing(f"npm's program {package} is not to be had: npm install {package}")
        return path

    return installed


def _settle(part: Path, folder: Path) -> None:
    """Move into place; another process may have been quicker."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    try:
        part.rename(folder)
    except OSError:
        shutil.rmtree(part)


@pytest.fixture(scope="session")
def components() -> Components:
    return Components(today=TODAY)


def members(root: Path) -> Iterator[Member]:
    for path in sorted(root.rglob("*")):
        if path.is_file() and not path.is_symlink():
            content = path.read_bytes()
            yield Member(parts=(str(path),), kind="file", size=len(content), content=content)


@pytest.fixture(scope="session")
def look(components: Components) -> Callable[[Path], list[Finding]]:
    """Every distinct finding in the files of a folder."""

    def looked(root: Path) -> list[Finding]:
        found = (f for m in members(root) for f in components.check(m, str(root)))
        return sorted(set(found), key=lambda f: (f.rule.id, f.where, f.message))

    return looked
