"""The programs that travel to hosts are one file each; who reads one at night finds by its contents where to look."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from hardening.host import accounts, agent


@pytest.mark.parametrize("program", [agent, accounts])
def test_the_contents_name_every_section_and_none_is_long(program: object) -> None:
    text = Path(str(getattr(program, "__file__", ""))).read_text(encoding="utf-8")
    listed = text.partition("its sections, in order:\n")[2].partition('"""')[0]
    sections = re.findall(r"^# -- (.+?) -+$", text, re.MULTILINE)
    assert [line.strip() for line in listed.strip().splitlines()] == sections
    lengths = [part.count("\n") for part in re.split(r"^# -- ", text, flags=re.MULTILINE)[1:]]
    assert max(lengths) < 250, "a section is a module's length at most: divide it"
