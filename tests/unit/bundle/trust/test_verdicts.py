"""What a verification says check by check: what held, what failed first and why, and what was not looked at after that."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bundle.trust import installed, keys, statement
from bundle.trust.verify import signature_of, verify
from hardening.findings import Run
from tests.unit.bundle.trust.test_trust import NOW, a_bundle, sign

KEY = keys.generate()
OLD = NOW - timedelta(days=30)
HELD = {"signature": "pass", "validity": "pass", "rollback": "pass", "content": "pass"}


def verdicts(run: Run) -> dict[str, str]:
    return {r.rule.id.removeprefix("trust/"): str(r.verdict) for r in run.results}


@pytest.fixture
def signed(tmp_path: Path) -> Path:
    return sign(a_bundle(tmp_path / "u.zip"), KEY, expires=NOW + timedelta(days=9))


@pytest.fixture
def state(tmp_path: Path, signed: Path) -> Path:
    """A record that this very release is installed."""
    found = tmp_path / "installed.json"
    assert verify(signed, [KEY.public_key()], now=NOW, state_file=found, record=True).exit_code() == 0
    return found


def test_all_that_was_asked_for_held(signed: Path, state: Path) -> None:
    alone = verify(signed, [KEY.public_key()], now=NOW)
    assert verdicts(alone) == {k: v for k, v in HELD.items() if k != "rollback"}
    whole = verify(signed, [KEY.public_key()], now=NOW, state_file=state)
    assert verdicts(whole) == HELD
    assert not any(r.reason for r in whole.results)
    stats = dict(whole.subjects[0].stats)
    assert stats.pop("seconds") >= 0
    assert stats == {
        "signers": [keys.keyid(KEY.public_key())], "bytes": signed.stat().st_size, "members": 4, "product": "",
        "release": "3.07.02", "ends": {"signature": "2026-12-03"},
    }  # fmt: skip


@pytest.mark.parametrize(
    ("how", "failed", "said"),
    [
        ({"signature": "absent"}, "signature", "no signature: {absent}: No such file or directory"),
        ({"trusted": keys.generate()}, "signature", "0 of 1 needed signatures are made with a trusted key"),
        ({"now": NOW + timedelta(days=10)}, "validity", "the signature expired on 2026-12-03"),
        ({"now": OLD, "state": False}, "validity", "the clock says 2026-10-25 12:00 UTC, before the signature of 2026-11-24 12:00"),
        ({"sign": OLD}, "rollback", "2026-10-25"),
        ({"cut": 1}, "content", "it can no longer be read"),
        ({"append": b"xx"}, "content", "<data at 556> was added"),
        ({"flip": 4}, "content", "every member is unchanged; bytes outside the members were changed"),
        ({"require": ("audit",)}, "statement", "audit"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else None,
)  # fmt: skip
def test_what_fails_first_is_named_and_what_comes_after_it_was_not_looked_at(
    signed: Path, state: Path, how: dict[str, Any], failed: str, said: str
) -> None:
    absent = signed.with_name("absent")
    if "sign" in how:
        sign(signed, KEY, created=how["sign"])
    data = bytearray(signed.read_bytes())
    data[how.get("flip", 0)] ^= "flip" in how
    signed.write_bytes(data[: len(data) - how.get("cut", 0)] + how.get("append", b""))
    run = verify(
        signed, [how.get("trusted", KEY).public_key()], now=how.get("now", NOW), require=how.get("require", ()),
        signature=absent if "signature" in how else None, state_file=state if how.get("state", True) else None,
    )  # fmt: skip
    (finding,) = run.findings
    assert finding.rule.id == f"trust/{failed}"
    assert said.format(absent=absent) in finding.message
    assert "+0 bytes" not in finding.message
    assert ("bytes" in run.subjects[0].stats) is (failed == "statement")  # those that are as signed
    order = [
        name
        for name in (*HELD, *(["statement"] * ("require" in how)))
        if name != "rollback" or how.get("state", True)
    ]
    at = order.index(failed)
    assert verdicts(run) == dict(zip(order, ["pass"] * at + ["fail"] + ["skipped"] * 9, strict=False))
    assert [r.reason for r in run.results if r.reason] == [finding.message]


def test_what_a_release_engineer_has_to_do_is_said_to_whoever_installs(signed: Path) -> None:
    run = verify(signed, [KEY.public_key()], now=NOW, require=("provenance",))
    (finding,) = run.findings
    assert finding.remedy.startswith("Do not install it; ask the release engineer to sign ")


def test_a_clock_may_be_ten_minutes_late_and_no_more(signed: Path) -> None:
    for late, code in ((timedelta(minutes=10), 0), (timedelta(minutes=10, seconds=1), 11)):
        assert verify(signed, [KEY.public_key()], now=NOW - late).exit_code() == code


def test_nothing_is_noted_unasked_and_a_signature_may_lie_elsewhere(signed: Path, tmp_path: Path) -> None:
    elsewhere = signature_of(signed).rename(tmp_path / "elsewhere.json")
    held: list[statement.Statement] = []
    run = verify(
        signed, [KEY.public_key()], now=NOW, signature=elsewhere, state_file=tmp_path / "none.json", held=held.append
    )  # fmt: skip
    assert (run.exit_code(), [one.release for one in held]) == (0, ["3.07.02"])
    assert installed.load(tmp_path / "none.json") == installed.Installed()
