"""Programs for hosts: packed by their imports, streamed without a file, or run as one zip; on Pythons of all ages."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from hardening import packing
from hardening.host import onhost_request
from tests.support.host.little import AGES, interpreter

MODULES = {
    "little/__init__.py": '"""A program of four modules."""\n',
    "little/unused.py": "import little.absent\n",
    "little/deep/__init__.py": "",
    "little/deep/sums.py": (
        'def half(number):\n    """Return a half.\n\n    Of six alone."""\n    # a line before\n'
        "    return number // (number - 4)\n"
    ),
    "little/other.py": "def main():\n    return 7\n",
    "little/program.py": """\
import json
import os
import sys

from little import other
from little.deep.sums import half

SEEN = globals()["__loader__"]


def answer_to(request):
    found = {"half": half(request["number"]), "word": request["word"], "file": __file__, "name": __name__}
    if request.get("keep"):
        handle = open(request["keep"], "wb")
        handle.write(SEEN.zipped(request["program"]))
        handle.close()
    return found


def main():
    sys.stdout.write(json.dumps(answer_to({"number": int(sys.argv[1]), "word": "zip"})))
    return other.main()
""",
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for path, source in MODULES.items():
        place = tmp_path / "source" / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(source)
    return tmp_path / "source"


@pytest.fixture(params=AGES[1:])
def python(request: pytest.FixtureRequest) -> str:
    return interpreter(request.param)


def run(python: str, *argv: str, program: bytes = b"", folder: Path) -> subprocess.CompletedProcess[bytes]:
    """Run a Python in an empty folder, with an empty temporary folder and no cache elsewhere."""
    folder.mkdir(exist_ok=True)
    environment = {"PATH": os.environ["PATH"], "TMPDIR": str(folder), "HOME": str(folder)}
    return subprocess.run(
        [python, *argv], input=program, capture_output=True, check=False, cwd=folder, env=environment
    )


def test_a_streamed_program_answers_and_leaves_no_file(python: str, root: Path, tmp_path: Path) -> None:
    request = {"number": 6, "word": "käse \u20ac"}
    done = run(
        python, "-", program=packing.stream("little.program", request, root=root), folder=tmp_path / "empty"
    )
    assert done.stderr == b""
    expected = {"half": 3, "word": request["word"], "file": "little/program.py", "name": "little.program"}
    assert onhost_request.answer(done.stdout.decode()) == expected
    assert list((tmp_path / "empty").iterdir()) == []
    assert {str(path.relative_to(root)) for path in root.rglob("*.py*")} == set(MODULES)


def test_only_the_key_opens_the_answer(python: str, root: Path, tmp_path: Path) -> None:
    key, request = onhost_request.fresh_key(), {"number": 6, "word": "T0p" + "s3cret"}
    sent = packing.stream("little.program", request, key=key, root=root)
    assert b"s3cret" not in sent
    done = run(python, "-", program=sent, folder=tmp_path / "empty")
    assert (done.stderr, onhost_request.MARK in done.stdout.decode()) == (b"", False)
    assert onhost_request.answer(done.stdout.decode(), key=key)["word"] == "T0ps3cret"


@pytest.mark.parametrize("local", [False, True])
def test_a_traceback_names_the_file_and_shows_the_line(
    python: str, root: Path, tmp_path: Path, local: bool
) -> None:
    """With `local`, the paths are those of this machine."""
    sent = packing.stream("little.program", {"number": 4, "word": ""}, local=local, root=root)
    done = run(python, "-", program=sent, folder=tmp_path / "empty")
    folder = f"{root}/" if local else ""
    assert f'File "{folder}little/deep/sums.py", line 6, in half' in done.stderr.decode()
    assert "\n    return number // (number - 4)\n" in done.stderr.decode()
    assert 'File "' + ("" if not local else f"{packing._HERE}/") + packing._LOADER in done.stderr.decode()
    assert done.returncode == 1


def test_a_zip_runs_and_its_traceback_shows_the_line(python: str, root: Path, tmp_path: Path) -> None:
    place = tmp_path / "little.pyz"
    place.write_bytes(packing.zipped("little.program", root=root))
    done = run(python, str(place), "6", folder=tmp_path / "empty")
    assert (done.stderr, done.returncode) == (b"", 7)
    assert json.loads(done.stdout)["half"] == 3
    failed = run(python, str(place), "4", folder=tmp_path / "empty").stderr.decode()
    assert re.search(r'File ".*little.pyz/little/deep/sums.py", line 6, in half\n +return number // ', failed)
    assert list((tmp_path / "empty").iterdir()) == []


@pytest.mark.parametrize("program", ["little.program", "little.other"])
def test_a_host_writes_the_same_zip_as_this_machine(
    python: str, root: Path, tmp_path: Path, program: str
) -> None:
    """A streamed program keeps itself, or a program that it imports, on the host."""
    kept = tmp_path / "kept.pyz"
    request = {"number": 6, "word": "", "keep": str(kept), "program": program}
    run(python, "-", program=packing.stream("little.program", request, root=root), folder=tmp_path / "empty")
    assert kept.read_bytes() == packing.zipped(program, root=root)


def test_only_imported_modules_are_packed(root: Path, tmp_path: Path) -> None:
    place = tmp_path / "little.pyz"
    place.write_bytes(packing.zipped("little.program", root=root))
    assert zipfile.ZipFile(place).namelist() == ["__main__.py", *sorted(set(MODULES) - {"little/unused.py"})]
    place.write_bytes(packing.zipped("little.other", root=root))
    assert zipfile.ZipFile(place).namelist() == ["__main__.py", "little/__init__.py", "little/other.py"]


def test_docstrings_of_functions_travel_on_request_alone(root: Path, tmp_path: Path) -> None:
    place = tmp_path / "little.pyz"
    place.write_bytes(packing.zipped("little.program", root=root))
    sent = zipfile.ZipFile(place).read("little/deep/sums.py").decode()
    assert "Of six alone" not in sent
    assert sent.splitlines()[4:] == MODULES["little/deep/sums.py"].splitlines()[4:]
    place.write_bytes(packing.zipped("little.program", docstrings=True, root=root))
    assert zipfile.ZipFile(place).read("little/deep/sums.py").decode() == MODULES["little/deep/sums.py"]


def test_an_import_that_cannot_be_packed_is_refused(root: Path) -> None:
    with pytest.raises(ValueError, match=r"little\.absent is not a module in "):
        packing.zipped("little.absent", root=root)
    (root / "little/other.py").write_text("from . import deep\n")
    with pytest.raises(ValueError, match=r"little/other\.py:1: write a full name"):
        packing.zipped("little.other", root=root)


PYTHON_2 = {"SocketServer", "httplib", "urlparse"}
"""Modules of its standard library with another name today."""
ONHOST = sorted(Path(str(packing.__file__)).with_name("onhost").rglob("*.py"))


def test_programs_for_hosts_need_python_2_6_and_nothing_else() -> None:
    """They use no newer syntax or library, and import each other and the standard library alone."""
    vermin = [str(Path(sys.executable).with_name("vermin")), "--no-tips", "-t=2.6-"]
    done = subprocess.run([*vermin, *ONHOST], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    wrong = []
    for path in ONHOST:
        for node in ast.walk(ast.parse(path.read_bytes())):
            names = [one.name for one in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            known = [name.startswith("hardening.onhost") or name.partition(".")[0] in sys.stdlib_module_names | PYTHON_2
                     for name in names]  # fmt: skip
            wrong += [] if all(known) else [f"{path}: {names}"]
    assert wrong == []


def test_programs_for_hosts_load_their_own_modules_at_once() -> None:
    """An installed zip may be replaced while it runs, and what is loaded later comes from the new one."""
    late = [
        f"{path}: {ast.unparse(node)}"
        for path in ONHOST
        for function in ast.walk(ast.parse(path.read_bytes()))
        if isinstance(function, ast.FunctionDef)
        for node in ast.walk(function)
        if isinstance(node, ast.Import | ast.ImportFrom) and "hardening" in ast.unparse(node)
    ]
    assert late == []


def test_no_module_for_hosts_has_a_name_of_the_standard_library() -> None:
    """Python 2 would import it from inside its own folder in place of the other."""
    names = {path.stem for path in ONHOST} | {path.parent.name for path in ONHOST}
    assert names & sys.stdlib_module_names == set()
