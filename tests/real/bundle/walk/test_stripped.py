"""Payloads of rpms that name their files by number: the same members as a package with the usual cpio has."""

from __future__ import annotations

import gzip
import os
import subprocess
from pathlib import Path

import pytest

from bundle.walk.formats import rpms, stripped
from bundle.walk.member import Member
from bundle.walk.problem import Problem
from bundle.walk.source import Memory
from bundle.walk.walker import Walker
from tests.support.bundle.walk.hostile import newc
from tests.support.programs import need

SPEC = """Name: plant
Version: 1
Release: 1
Summary: plant
License: none
BuildArch: noarch
%description
plant
%install
mkdir -p %{buildroot}/opt/a/b
printf 'one\\n' > %{buildroot}/opt/a/one.conf
head -c 70001 /dev/zero | tr '\\0' x > %{buildroot}/opt/a/b/large.txt
: > %{buildroot}/opt/a/empty
ln -s one.conf %{buildroot}/opt/a/link
ln %{buildroot}/opt/a/one.conf %{buildroot}/opt/a/two.conf
%files
%attr(0750,root,bin) /opt/a
"""
TRAILER = newc(b"TRAILER!!!", b"")


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    folder = tmp_path_factory.mktemp("rpm")
    (folder / "plant.spec").write_text(SPEC)
    define = [f"--define={name} {folder}" for name in ("_topdir", "_rpmdir")]
    define += ["--define=_rpmfilename plant.rpm", "--define=_binary_payload w.ufdio"]
    command: list[str | Path] = [need("rpmbuild"), "-bb", *define, folder / "plant.spec"]
    subprocess.run(
        command, check=True, capture_output=True, env={**os.environ, "SOURCE_DATE_EPOCH": "1600000000"}
    )
    return (folder / "plant.rpm").read_bytes()


def records(built: bytes) -> tuple[bytes, list[tuple[int, bytes]]]:
    """Return what stands in front of the payload, and each file's number with its content."""
    header, start, _ = rpms.payload_at(Memory(built))
    names = stripped.Files(Memory(built), header).names
    made: list[tuple[int, bytes]] = []
    at = start
    while True:
        name_size, size = int(built[at + 94 : at + 102], 16), int(built[at + 54 : at + 62], 16)
        name = built[at + 110 : at + 109 + name_size]
        at += -(-(110 + name_size) // 4) * 4
        if name == b"TRAILER!!!":
            return built[:start], made
        made.append((names.index(name.removeprefix(b".")), built[at : at + size]))
        at += -(-size // 4) * 4


def payload(rows: list[tuple[int, bytes]]) -> bytes:
    return (
        b"".join(b"07070X%08x\0\0" % number + data + bytes(-len(data) % 4) for number, data in rows) + TRAILER
    )


def walked(path: Path, data: bytes) -> tuple[dict[str, tuple[object, ...]], list[str]]:
    path.write_bytes(data)
    events = list(Walker().walk(str(path)))
    members: dict[str, tuple[object, ...]] = {
        e.parts[1]: (e.kind, e.size, e.sha256 if e.kind == "file" else "", e.mode, e.link, e.mtime)
        for e in events
        if isinstance(e, Member) and e.parts[1:]
    }
    return members, [e.reason for e in events if isinstance(e, Problem)]


@pytest.mark.parametrize("packed", [False, True])
def test_the_members_are_those_of_the_usual_payload(built: bytes, packed: bool, tmp_path: Path) -> None:
    usual, _ = walked(tmp_path / "usual.rpm", built)
    front, rows = records(built)
    body = payload(rows)
    found, said = walked(tmp_path / "a.rpm", front + (gzip.compress(body, mtime=0) if packed else body))
    assert said == []
    assert (
        found.keys()
        == usual.keys()
        == {
            f"opt/a{rest}" for rest in ("", "/b", "/b/large.txt", "/empty", "/link", "/one.conf", "/two.conf")
        }
    )
    for name, one in found.items():
        assert one[:4] == usual[name][:4]
        assert one[5] == usual[name][5]
    assert found["opt/a/link"][4] == "one.conf"


def test_damage_is_said_and_what_lies_behind_is_examined(built: bytes, tmp_path: Path) -> None:
    front, rows = records(built)
    whole = payload(rows)
    for body, reason in (
        (b"07070X%08x\0\0" % 999 + TRAILER, "corrupt"),
        (b"07070Xnonsense\0\0" + TRAILER, "corrupt"),
        (whole[: len(whole) // 2], "truncated"),
        (whole.removesuffix(TRAILER) + b"no header", "corrupt"),
    ):
        assert walked(tmp_path / "a.rpm", front + body)[1] == [reason]
    found, said = walked(tmp_path / "a.rpm", front + gzip.compress(whole, mtime=0) + b"loose data")
    assert said == ["trailing-data"]
    assert "<data behind>" in found
