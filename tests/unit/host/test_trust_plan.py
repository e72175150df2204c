"""What a trust file may make of a host's keys, and what is refused before the host is asked for anything."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from bundle.trust import keys
from hardening.errors import HardeningError
from hardening.host.plans import trust

NOW = datetime(2026, 11, 24, tzinfo=UTC)


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    for name in ("a", "b"):
        keys.write(keys.generate(), tmp_path / name, passphrase=None)
    return tmp_path


def trusting(desk: Path, *rows: str, threshold: int = 1) -> Path:
    file = desk / "trust.toml"
    file.write_text(f"threshold = {threshold}\n" + "".join(f"[[key]]\n{row}\n" for row in rows))
    return file


@pytest.mark.parametrize(
    ("rows", "threshold", "expected", "problem"),
    [
        (['file = "a.pub"\nrevoked = "lost"'], 1, [], "was revoked: lost"),
        (
            ['file = "a.pub"', 'file = "b.pub"\nnot_after = 2001-01-01'],
            2,
            [],
            "1 keys are valid today and 2 have to sign",
        ),
        (['file = "a.pub"'], 1, ["0" * 16], "was not expected"),
        (['file = "a.pub"'], 1, ["short"], "is not a key id"),
        ([], 1, [], "no key is trusted"),
        (['file = "absent.pub"'], 1, [], "absent.pub"),
        (['file = "a"'], 1, [], "a private key"),
    ],
)
def test_a_trust_file_by_which_no_bundle_could_count_is_refused(
    desk: Path, rows: list[str], threshold: int, expected: list[str], problem: str
) -> None:
    with pytest.raises(HardeningError, match=problem):
        trust.plan(trusting(desk, *rows, threshold=threshold), {}, NOW, expected=expected)


def test_what_was_expected_and_is_not_there_is_refused(desk: Path) -> None:
    ids = [keys.keyid(keys.load_public(desk / name)) for name in ("a.pub", "b.pub")]
    file = trusting(desk, 'file = "a.pub"')
    with pytest.raises(HardeningError, match=f"no key {ids[1][:16]} is trusted"):
        trust.plan(file, {}, NOW, expected=[ids[0], ids[1][:16]])
    made = trust.plan(file, {}, NOW, expected=[ids[0][:20]])
    assert [row.state for row in made.rows] == ["added"]
    assert "compare the ids" in made.shown()[-1]
