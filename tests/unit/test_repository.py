"""What lies in the repository is meant to be there: a state file that a command left was once committed with the rest."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MEANT = {
    ".ansible-lint", ".ci", ".github", ".gitignore", ".pre-commit-hooks.yaml", "CHANGELOG.md", "CODE_OF_CONDUCT.md",
    "CONTRIBUTING.md", "GOVERNANCE.md", "LICENSE", "Makefile", "README.md", "SECURITY.md", "action.yml", "bench", "bundle",
    "changes", "ci", "docs", "hardening", "hatch_build.py", "mkdocs.yml", "packaging", "playbooks", "pyproject.toml", "templates", "tests",
}  # fmt: skip
MACHINE = re.compile(rb"/work/[a-z]|(?:/root|/home/[a-z]+)/\.pyenv\b|/tmp/pytest-of-")
"""Where people keep checkouts, Pythons and tests' folders."""


@pytest.fixture(scope="module")
def tracked() -> list[str]:
    git = shutil.which("git")
    if git is None or not (ROOT / ".git").exists():
        pytest.skip("this is no checkout")
    said = subprocess.run([git, "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True).stdout
    return said.decode().rstrip("\0").split("\0")


def test_nothing_lies_at_the_top_that_is_not_meant_to(tracked: list[str]) -> None:
    assert {name.partition("/")[0] for name in tracked} <= MEANT


def test_no_file_names_a_path_of_one_machine(tracked: list[str]) -> None:
    here = Path(__file__).relative_to(ROOT).as_posix()
    named = [
        name
        for name in tracked
        if name != here and (ROOT / name).is_file() and MACHINE.search((ROOT / name).read_bytes())
    ]
    assert named == []


SILENCED = re.compile(r"# (?:noqa(?:: [A-Z0-9, ]+)?|type: ignore(?:\[[^]]*\])?)(.*)$", re.MULTILINE)


def test_every_check_that_is_silenced_says_why(tracked: list[str]) -> None:
    programs = [name for name in tracked if name.endswith(".py") and (ROOT / name).is_file()]
    mute = [
        f"{name}: {match.group().strip()}"
        for name in programs
        for match in SILENCED.finditer((ROOT / name).read_text(encoding="utf-8"))
        if not re.search(r"[A-Za-z]{2}", match.group(1))
    ]
    assert mute == []


PORT = re.compile(r"^\s*def \w*free_port\b", re.MULTILINE)


def test_free_ports_come_from_one_place(tracked: list[str]) -> None:
    """A port that the kernel chooses and that is let go at once may come a second time: two servers of a test met there."""
    programs = [name for name in tracked if name.endswith(".py") and (ROOT / name).is_file()]
    own = [name for name in programs if PORT.search((ROOT / name).read_text(encoding="utf-8"))]
    assert own == ["tests/support/ports.py"]


VARYING = {
    "now",
    "today",
    "time",
    "monotonic",
    "urandom",
    "getpid",
    "token_hex",
    "token_bytes",
    "uuid4",
    "random",
    "randbytes",
}


def _varies(call: ast.AST) -> bool:
    """Whether a call says something else each time: the time, what is drawn, or gzip's header, which holds the time."""
    if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Attribute):
        return False
    if ast.unparse(call.func.value).startswith("random.Random("):
        return not getattr(call.func.value, "args", ())  # with a seed it draws the same each time
    if call.func.attr == "compress" and getattr(call.func.value, "id", "") == "gzip":
        return all(one.arg != "mtime" for one in call.keywords)
    return call.func.attr in VARYING


def test_cases_have_the_same_names_in_every_process(tracked: list[str]) -> None:
    """Names are made of values; where two workers collect other ones, no test runs at all, and only on some days."""
    found = []
    for name in (n for n in tracked if n.startswith("tests/") and n.endswith(".py") and (ROOT / n).is_file()):
        tree = ast.parse((ROOT / name).read_text(encoding="utf-8"))
        constants = [one for one in tree.body if isinstance(one, ast.Assign | ast.AnnAssign)]
        marks = [
            mark for one in ast.walk(tree) if isinstance(one, ast.FunctionDef) for mark in one.decorator_list
        ]
        used = {one.id for mark in marks for one in ast.walk(mark) if isinstance(one, ast.Name)}
        later = {id(call) for one in ast.walk(tree) if isinstance(one, ast.Lambda) for call in ast.walk(one)}
        for one in [
            *marks,
            *(c for c in constants if used & {t.id for t in ast.walk(c) if isinstance(t, ast.Name)}),
        ]:
            found += [
                f"{name}: {ast.unparse(call)}"
                for call in ast.walk(one)
                if id(call) not in later and _varies(call)
            ]
    assert found == []


ABOVE = {"unit": ("real", "matrix"), "support": ("real", "matrix"), "real": ("matrix",)}
"""What the modules of a folder of tests import nothing from."""


def test_a_tier_asks_nothing_of_the_one_above(tracked: list[str]) -> None:
    wrong = []
    for name in (n for n in tracked if n.startswith("tests/") and n.endswith(".py") and (ROOT / n).is_file()):
        above = ABOVE.get(name.split("/")[1], ())
        lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
        wrong += [f"{name}: {one}" for one in lines if any(f"tests.{tier}" in one for tier in above)]
    assert wrong == []


def test_a_connection_of_sqlite_is_closed() -> None:
    """`with connect(...)` ends a transaction and leaves the connection open: an error from Python 3.13 on."""
    files = [path for folder in ("hardening", "bundle", "tests") for path in (ROOT / folder).rglob("*.py")]
    word = "with sqlite3." + "connect("
    assert [str(path) for path in files if word in path.read_text("utf-8")] == []


def test_a_class_has_a_name_of_its_own(tracked: list[str]) -> None:
    """One name is one thing: five classes were called Kind, and four Host."""
    modules: dict[str, list[str]] = {}
    for name in tracked:
        if name.startswith(("hardening/", "bundle/")) and name.endswith(".py") and (ROOT / name).is_file():
            for one in ast.parse((ROOT / name).read_text("utf-8")).body:
                if isinstance(one, ast.ClassDef) and not one.name.startswith("_"):
                    modules.setdefault(one.name, []).append(name)
    own = "bundle/detect/credentials/"  # its rows and texts go by the short words of its own tables
    twice = {
        name: files
        for name, files in modules.items()
        if len([one for one in files if not one.startswith(own)]) > 1
    }
    assert twice == {}
