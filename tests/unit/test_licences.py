"""Licences of what an installation brings, and who may import ansible-core, which is under the GPL."""

from __future__ import annotations

import ast
import tomllib
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.support.places import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
ACCEPTED = {
    "Apache 2.0", "Apache License, Version 2.0", "Apache Software License", "Apache-2.0", "Apache-2.0 OR BSD-3-Clause",
    "BSD License", "BSD-2-Clause", "BSD-3-Clause", "CC0", "CC0-1.0", "MIT", "MIT License", "MIT-0",
    "Mozilla Public License 2.0 (MPL 2.0)", "MPL-2.0", "PSF-2.0", "Python Software Foundation License",
    "BSD-3-Clause, Apache-2.0, dependency licenses",  # pypdfium2; FreeType in it is under the FTL or the GPL, as one likes
}  # fmt: skip
"""What a package under Apache-2.0 may depend on, as metadata spell it."""
OF_ANSIBLE = ("ansible", "ansible_collections", "ansiblelint")


def stated(name: str) -> set[str]:
    """Return the licences that a distribution states: its expression, else its classifiers, else its free text."""
    about = metadata.metadata(name)
    classifiers = {
        one.rpartition(" :: ")[2] for one in about.get_all("Classifier") or [] if "License ::" in one
    }
    if "License-Expression" in about:
        return {about["License-Expression"]}
    if not classifiers and "License" in about:
        return {about["License"]}
    return classifiers or {"none stated"}


def brought(requirements: Iterable[str], seen: set[str]) -> set[str]:
    """Return the names of all that requirements bring on this machine, without extras."""
    for one in map(Requirement, requirements):
        name = canonicalize_name(one.name)
        if name not in seen and (one.marker is None or one.marker.evaluate({"extra": ""})):
            seen.add(name)
            brought(metadata.requires(name) or [], seen)
    return seen


def test_what_an_installation_brings_may_be_used_under_apache() -> None:
    names = brought(PROJECT["dependencies"], set())
    assert len(names) >= len(PROJECT["dependencies"])
    unknown = {name: found for name in sorted(names) if (found := stated(name)) - ACCEPTED}
    assert not unknown, f"add a permissive licence to ACCEPTED; no other one can be a dependency: {unknown}"
    assert "ansible-core" not in names


def test_a_licence_that_is_not_accepted_is_named() -> None:
    assert stated("ansible-core") - ACCEPTED
    assert "ansible-core" in brought(PROJECT["optional-dependencies"]["ansible"], set())


def imported(path: Path) -> set[str]:
    """Return the first names of all modules that a file imports, at its head or later."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Import):
            found |= {one.name.partition(".")[0] for one in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.partition(".")[0])
    return found


def test_ansible_is_imported_by_the_plugins_of_the_collection_alone() -> None:
    plugins = ROOT / "playbooks/collections/ansible_collections/aspect/hardening/plugins"
    files = [
        path for folder in ("hardening", "bundle", "playbooks") for path in (ROOT / folder).rglob("*.py")
    ]
    users = {path for path in files if imported(path) & set(OF_ANSIBLE)}
    assert users, "the plugins import it"
    assert [path for path in sorted(users) if plugins not in path.parents] == []
