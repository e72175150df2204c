"""Nothing that a bundle can hold makes the detector fail: noise, and real files with bytes changed or cut off."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bundle.detect.components import Components
from bundle.detect.components.elf import needed
from bundle.detect.components.load import shipped
from bundle.detect.components.packages import packages
from bundle.walk.member import ContainerEntry, Member

COMPONENTS = Components()
PROGRAM = Path(shutil.which("true") or "/bin/true").read_bytes()
NAMES = ("a.php", "control", "status", "package.json", "pom.properties", "installed.json", "release",
         "include/cacti_version", "etc/os-release", "x.jar")  # fmt: skip
EXAMPLES = [e.content for c in shipped() for e in c.examples if e.content]


@st.composite
def damaged(draw: st.DrawFn, whole: bytes) -> bytes:
    content = bytearray(whole[: draw(st.integers(0, len(whole)))])
    for at in draw(st.lists(st.integers(0, max(0, len(content) - 1)), max_size=8)):
        if content:
            content[at] = draw(st.integers(0, 255))
    return bytes(content)


@given(st.binary(max_size=2000), st.sampled_from(NAMES), st.sampled_from(["", "php", "elf", "zip", "rpm"]))
def test_noise(content: bytes, name: str, form: str) -> None:
    member = Member(parts=("u", name), kind="file", format=form, size=len(content), content=content,
                    entries=(ContainerEntry(name, 1, 1),), container=form == "zip")  # fmt: skip
    assert list(COMPONENTS.check(member, "u")) == list(COMPONENTS.check(member, "u"))
    assert isinstance(list(packages(member)), list)


@given(st.sampled_from(EXAMPLES).flatmap(damaged), st.sampled_from(NAMES))
def test_damaged_examples(content: bytes, name: str) -> None:
    for finding in COMPONENTS.check(Member(parts=("u", name), kind="file", content=content), "u"):
        assert finding.message


@settings(max_examples=60)
@given(damaged(PROGRAM[:20_000]))
def test_damaged_programs(content: bytes) -> None:
    assert all(isinstance(name, str) for name in needed(content))


@pytest.mark.parametrize("at", [32, 40])
def test_a_program_whose_tables_are_beyond_any_file(at: int) -> None:
    content = bytearray(PROGRAM[:20_000])
    content[at : at + 8] = b"\xff" * 8
    assert isinstance(needed(bytes(content)), tuple)


def test_a_whole_program_says_what_it_needs() -> None:
    assert any(name.startswith("libc.so") for name in needed(PROGRAM))
