"""Turns the TLS templates into Python with Jinja2's own compiler: `make templates`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from hardening import resources
from hardening.tls.rendering import templates

FOLDER = Path(__file__).parents[1] / "written"
_BEYOND = ("Macro(", "Namespace(", "environment.tests", "async ", "caller", "super(")
"""What the little runtime of `hardening.tls.rendering.templates` has not; a template with it stays with Jinja2."""
_FILTER = re.compile(r"environment\.filters\['(\w+)'\]")
_INCLUDE = re.compile(r"environment\.get_template\('([^']+)'")


def modules() -> Iterator[tuple[str, str]]:
    """Yield the name of each module and its text."""
    engine = templates._engine()  # noqa: SLF001 - the compiler belongs to that module's engine
    for path in sorted((resources.templates() / "tls").glob("*.j2")):
        name = f"tls/{path.name}"
        code = engine.compile(path.read_text("utf-8"), name, name, raw=True)
        if any(word in code for word in _BEYOND) or set(_FILTER.findall(code)) - {"join"}:
            continue
        imports, _, rest = code.partition("\n")
        names = [n.strip() for n in imports.partition("import ")[2].split(",")]
        body = rest[rest.index("def root(") : rest.index("\nblocks = {}")].rstrip("\n")
        used = [n for n in names if re.search(rf"\b{n}\b", body)]
        taken = "".join(f"    {n} = runtime[{n!r}]\n" for n in used)
        inner = "".join(f"    {line}".rstrip() + "\n" for line in body.split("\n"))
        includes = tuple(dict.fromkeys(_INCLUDE.findall(body)))
        head = f'"""{name} as Python, written by `make templates`; do not edit."""\n\n'
        facts = f"FINGERPRINT = {templates.fingerprint(name)}\nINCLUDES = {includes!r}\n\n\n"
        yield (
            templates.module_name(name),
            f"{head}{facts}def made(environment, runtime):\n{taken}\n{inner}\n    return root\n",
        )


def main() -> None:
    """Write every module, and remove those whose template is gone."""
    found = dict(modules())
    for path in FOLDER.glob("*.py"):
        if path.stem != "__init__" and path.stem not in found:
            path.unlink()
    for name, text in found.items():
        (FOLDER / f"{name}.py").write_text(text, "utf-8")


if __name__ == "__main__":
    main()
