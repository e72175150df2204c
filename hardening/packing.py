"""Programs of `hardening.onhost` as hosts get them: one program on standard input, or one zip that Python runs.

A program is a module with `main()`, which returns an exit code. One that is streamed has `answer_to(request)` too.
Its modules import each other by their full names and at their top: an installed zip may be replaced while it runs.
"""

from __future__ import annotations

import ast
import base64
import json
import threading
import zlib
from functools import cache
from pathlib import Path
from typing import Any

from hardening.onhost import loader

ALONE = "import sys; sys.path[:] = [one for one in sys.path if one]"
"""The first line of every program: on standard input, Python searches the current folder, which a stranger may own."""

_ONE_AT_A_TIME = threading.RLock()
"""Hosts are asked in threads, and `ast.parse` of CPython 3.11 fails (SystemError) where two threads are in it at once."""
_HERE = Path(__file__).resolve().parent.parent
_LOADER = "hardening/onhost/loader.py"
_START = """\
{alone}
import base64, json, zlib
def P(text):
    return json.loads(zlib.decompress(base64.b64decode(text)).decode("ascii"))
PACK = P("{pack}")
exec(compile(PACK["loader"], {path}, "exec"))
start(PACK, P("{request}"), "{key}")
"""


def stream(
    program: str, request: dict[str, Any], *, key: str = "", local: bool = False, root: Path = _HERE
) -> bytes:
    """Return the Python program (2.6 and later) that answers `request`; it goes to standard input.

    `program` is a module below `root`. Its answer is enciphered with `key`, if there is one. With `local`, code has
    the paths of this machine, so that coverage counts it.
    """
    with _ONE_AT_A_TIME:
        pack = _pack(program, root, local)
    text = _START.format(
        alone=ALONE,
        pack=pack,
        path=json.dumps(str(_HERE / _LOADER) if local else _LOADER),
        request=_packed(request, 6),
        key=key,
    )
    return text.encode("ascii")


def zipped(program: str, *, docstrings: bool = False, root: Path = _HERE) -> bytes:
    """Return a zip that Python (2.6 and later) runs as `program`: always the same bytes.

    With `docstrings`, it holds them: for programs that people read on a host. A streamed program that keeps itself has none.
    """
    with _ONE_AT_A_TIME:
        sources = _sources(program, root, docstrings)
    return bytes(loader.zip_of(sources, program))


@cache
def _pack(program: str, root: Path, local: bool) -> str:
    sources = _sources(program, root)
    programs = [_name(path) for path, source in sources.items() if _is_program(source)]
    pack = {
        "program": program,
        "folder": f"{root}/" if local else "",
        "loader": _without_docstrings((_HERE / _LOADER).read_bytes()).decode("ascii"),
        "files": {path: source.decode("ascii") for path, source in sources.items()},
        "programs": {name: sorted(_sources(name, root)) for name in programs},
    }
    return _packed(pack, 9)


def _packed(value: dict[str, Any], level: int) -> str:
    text = json.dumps(value, sort_keys=True)
    return base64.b64encode(zlib.compress(text.encode("ascii"), level)).decode("ascii")


@cache
def _sources(program: str, root: Path, docstrings: bool = False) -> dict[str, bytes]:
    """Return {path below root: source} of a program's module and of all that it imports from its own package."""
    if _path(program, root) is None:
        raise ValueError(f"{program} is not a module in {root}")
    found: dict[str, bytes] = {}
    waiting = [program]
    while waiting:
        path = _path(waiting.pop(), root)
        if path and path not in found:
            source = (root / path).read_bytes()
            waiting += _imports(path, source, program.partition(".")[0])
            found[path] = source if docstrings else _without_docstrings(source)
    return dict(sorted(found.items()))


def _without_docstrings(source: bytes) -> bytes:
    """Return a module without docstrings of functions and classes, a quarter of what travels; lines keep their numbers."""
    lines = source.splitlines(keepends=True)
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and ast.get_docstring(node) is not None:
            text = node.body[0]
            first, end = text.lineno - 1, text.end_lineno or text.lineno
            lines[first:end] = [b" " * text.col_offset + b'""\n'] + [b"\n"] * (end - first - 1)
    return b"".join(lines)


def _imports(path: str, source: bytes, package: str) -> set[str]:
    """Return what a module imports from a package, and every package above that; some of it may be no module."""
    names = set()
    for node in ast.walk(ast.parse(source, path)):
        if isinstance(node, ast.Import):
            names |= {one.name for one in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names |= {node.module, *(f"{node.module}.{one.name}" for one in node.names)}
        elif isinstance(node, ast.ImportFrom):
            raise ValueError(f"{path}:{node.lineno}: write a full name: relative imports are not packed")
    names.add(_name(path))
    parts = [name.split(".") for name in names if name.partition(".")[0] == package]
    return {".".join(part[:end]) for part in parts for end in range(1, len(part) + 1)}


def _path(name: str, root: Path) -> str | None:
    """Return where a module is below `root`, or None where a name is not a module."""
    stem = name.replace(".", "/")
    return next((path for path in (f"{stem}.py", f"{stem}/__init__.py") if (root / path).is_file()), None)


def _name(path: str) -> str:
    return path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def _is_program(source: bytes) -> bool:
    return any(isinstance(node, ast.FunctionDef) and node.name == "main" for node in ast.parse(source).body)
