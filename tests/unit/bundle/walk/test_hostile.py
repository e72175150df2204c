"""Every archive of the hostile corpus: said what has to be said, nothing passed over, nothing left on disk."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from bundle import audit
from bundle.walk.member import Member
from hardening.findings import Examined, Finding, Rule
from tests.support.bundle.walk import hostile

CASES = tuple(hostile.cases())


class Witness:
    """Keeps the start of everything that detectors get to see."""

    def __init__(self) -> None:
        self.seen: list[bytes] = []

    def rules(self) -> tuple[Rule, ...]:
        return ()

    def check(self, member: Member, subject: str) -> Iterator[Finding]:
        assert subject
        self.seen.append(bytes(member.content[:200]))
        return iter(())


def test_corpus_is_large_and_its_names_are_unique() -> None:
    names = [case.name for case in CASES]
    assert len(set(names)) == len(names) >= 150


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_hostile_archive(case: hostile.Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spill = tmp_path / "spill"
    spill.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(spill))
    archive = tmp_path / "case"
    archive.write_bytes(case.data)
    witness = Witness()
    began = time.monotonic()
    run = audit(archive, detectors=(witness,), jobs=1)
    assert time.monotonic() - began < 30
    assert not list(spill.iterdir())
    said = {finding.rule.id.removeprefix("walk/") for finding in run.findings}
    if "*" in case.must:
        assert said, "nothing was said"
    assert case.must - {"*"} <= said
    if "*" not in case.must | case.may:
        assert said <= case.must | case.may
    for content in case.seen:
        assert any(content.encode() in seen for seen in witness.seen), f"{content} was passed over"
    (subject,) = run.subjects
    stats = subject.stats
    assert stats["bytes"] == stats["bytes_examined"] + stats["bytes_not_examined"]
    left_out = {"truncated", "corrupt", "encrypted", "unsupported", "checksum", "bomb"}
    if case.name == "bomb/42":
        left_out.remove("bomb")  # equal archives are looked at once, and that is all of them
    if said & left_out or any(reason.startswith("limit-") for reason in said):
        assert subject.examined is not Examined.FULL


def test_forty_two_is_counted_exactly_without_being_unpacked(tmp_path: Path) -> None:
    archive = tmp_path / "42.zip"
    archive.write_bytes(hostile.forty_two(levels=6, width=16))
    began = time.monotonic()
    run = audit(archive, detectors=(), jobs=1)
    (subject,) = run.subjects
    assert time.monotonic() - began < 5
    assert [finding.rule.id for finding in run.findings] == ["walk/bomb"]
    inner = hostile.zipped({"leaf": bytes(4 << 20)})
    total = (4 << 20) * 16**5 + len(inner) * 16**5
    data = inner
    for level in range(4, -1, -1):
        data = hostile.zipped({f"{n:02}.zip": data for n in range(16)})
        total += len(data) * 16**level
    assert subject.stats["bytes"] == total
    assert subject.examined is Examined.FULL
