"""Planted corpora: recall and precision, exact places, and no secret in any report."""

from __future__ import annotations

import hashlib
import os
import random
import shutil
from pathlib import Path

import pytest

from bundle.audit import audit
from bundle.detect.credentials import Credentials
from bundle.walk.member import Member
from hardening.findings import InFile


def _javac() -> None:
    if shutil.which("javac") is None:
        if os.environ.get("CI") == "true":
            pytest.fail("javac is missing: install a JDK")
        pytest.skip("javac is missing: install a JDK")


@pytest.mark.parametrize(("wording", "seed"), [("first", 1), ("second", 7)])
def test_recall_and_precision(tmp_path: Path, wording: str, seed: int) -> None:
    from tests.support.bundle.detect.credentials.plant.corpus import build
    from tests.support.bundle.detect.credentials.plant.grading import grade

    _javac()
    root = tmp_path / "corpus"
    result = grade(root, build(root, wording, seed, 3))
    assert result.recall >= 0.96, result.table()
    assert result.precision >= 0.97, result.table()
    assert not result.low, result.table()


@pytest.mark.parametrize(
    ("wording", "seed", "rounds"),
    [
        ("third", 3, 2),
        ("fourth", 4, 2),
        ("fifth", 5, 1),
        ("sixth", 6, 1),
        ("seventh", 7, 1),
        ("eighth", 8, 1),
    ],
)
def test_recall_and_precision_in_whole_files(tmp_path: Path, wording: str, seed: int, rounds: int) -> None:
    from tests.support.bundle.detect.credentials.plant.grading import grade
    from tests.support.bundle.detect.credentials.plant.whole import build

    root = tmp_path / "corpus"
    result = grade(root, build(root, wording, seed, rounds))
    assert result.recall >= 0.96, result.table()
    assert result.precision >= 0.97, result.table()
    assert result.low <= {"text"}, (
        result.table()
    )  # what a letter says stays `info` where it looks like an example


def test_a_canary_in_every_container_is_found_with_path_and_line(tmp_path: Path) -> None:
    from tests.support.bundle.detect.credentials.plant.containers import KINDS

    text = b"# settings of the engine\n\ndb.user=app\ndb.password=Vx7qTT2mmK19a\n"
    for kind, wrap in KINDS.items():
        (tmp_path / f"canary.{kind}").write_bytes(wrap("conf/app.properties", text))
    run = audit(tmp_path, jobs=1)
    places = [f.location for f in run.findings if f.rule.id == "credential/assignment"]
    found = {
        place.parts[0].rsplit("canary.", 1)[1]
        for place in places
        if isinstance(place, InFile) and place.parts[-1].endswith("conf/app.properties") and place.line == 4
    }
    assert found == set(KINDS)
    assert len(KINDS) >= 20


def test_no_field_of_a_finding_holds_a_secret_or_its_hash(credentials: Credentials) -> None:
    from tests.support.bundle.detect.credentials.plant.corpus import fill
    from tests.support.bundle.detect.credentials.plant.kinds import places

    pick = random.Random(3)
    checked = 0
    for _ in range(4):
        for place in (*places("first"), *places("second")):
            one = fill(place, pick)
            if one.weak and not place.generated:  # `root` may well stand in a message
                continue
            data = one.text.encode()
            member = Member(parts=("b.zip", place.path), kind="file", size=len(data), content=data)
            hashes = [
                hashlib.new(n, one.secret.encode(), usedforsecurity=False).hexdigest()
                for n in ("md5", "sha1", "sha256")
            ]
            for finding in credentials.check(member, "b.zip"):
                said = repr(finding)
                assert one.secret not in said
                assert not any(h in said or h[:16] in said for h in hashes)
                checked += 1
    assert checked > 250
