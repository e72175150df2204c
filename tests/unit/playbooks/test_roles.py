"""Every role is documented by its specification: defaults, README and specification say the same."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from tests.support.playbooks.role_readme import EXAMPLES, ROLES, load, readme

EVERY = sorted(path for path in ROLES.iterdir() if path.is_dir())


@pytest.mark.parametrize("role", EVERY, ids=lambda path: str(path.name))
def test_defaults_and_specification_agree(role: Path) -> None:
    defaults = load(role / "defaults" / "main.yml")
    options = load(role / "meta" / "argument_specs.yml")["argument_specs"]["main"]["options"]
    assert list(defaults) == list(options)
    for name, option in options.items():
        assert name.startswith(role.name), name
        if "default" in option and "{{" not in str(defaults[name]):
            assert option["default"] == defaults[name]


@pytest.mark.parametrize("role", EVERY, ids=lambda path: str(path.name))
def test_every_default_has_its_comment(role: Path) -> None:
    text = (role / "defaults" / "main.yml").read_text()
    for name in load(role / "defaults" / "main.yml"):
        assert re.search(rf"^# .*\n(?:# .*\n)*{name}:", text, re.MULTILINE), name


@pytest.mark.parametrize("role", EVERY, ids=lambda path: str(path.name))
def test_the_readme_is_made_of_the_specification(role: Path) -> None:
    path = role / "README.md"
    if os.environ.get("REGOLDEN"):
        path.write_text(readme(role))
    assert path.read_text() == readme(role), (
        "make it new: REGOLDEN=1 pytest tests/unit/playbooks/test_roles.py"
    )


@pytest.mark.parametrize("role", EVERY, ids=lambda path: str(path.name))
def test_the_example_gives_what_has_to_be_given(role: Path) -> None:
    options = load(role / "meta" / "argument_specs.yml")["argument_specs"]["main"]["options"]
    given = EXAMPLES[role.name]
    assert given.keys() <= options.keys()
    assert {name for name, option in options.items() if option.get("required")} <= given.keys()
