"""Statements beside a bundle: the same account is the same bytes, and one counts for its file, its kind and its time alone."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from bundle.trust import attest, dsse, keys, statement
from bundle.trust.digest import digest
from bundle.trust.policy import Trusted, TrustPolicy
from bundle.trust.verify import signature_of, verify, verify_report
from hardening.errors import ExitCode, RefusedError
from hardening.findings import Verdict

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
KEY = keys.generate()
ABOUT = "a" * 64


def beside(folder: Path, predicate: Any, kind: str = "cleaning") -> Path:
    path = folder / "u.zip.statement"
    path.write_bytes(attest.sealed("u.zip", ABOUT, kind, predicate, KEY))
    return path


def test_the_same_account_in_another_order_is_the_same_payload() -> None:
    one, other = (
        dsse.parse(attest.sealed("u.zip", ABOUT, "cleaning", predicate, KEY)).payload
        for predicate in ({"a": 1, "b": 2}, {"b": 2, "a": 1})
    )
    assert one == other


def test_a_key_counts_for_the_time_that_is_asked_about(tmp_path: Path) -> None:
    path = beside(tmp_path, {"said": 1})
    policy = TrustPolicy((Trusted(key=KEY.public_key(), not_after=date(2026, 11, 24)),))
    assert attest.opened(path, "cleaning", policy, ABOUT, now=NOW) == {"said": 1}
    with pytest.raises(RefusedError, match="expired on 2026-11-24"):
        attest.opened(path, "cleaning", policy, ABOUT, now=NOW.replace(day=25))


@pytest.mark.parametrize(
    "change",
    [
        {"subject": []},
        {"subject": [{"digest": {"sha256": ABOUT}}] * 2},
        {"subject": [{"digest": ABOUT}]},
        {"predicate": ...},
    ],
)
def test_a_statement_that_is_not_about_one_file_is_malformed(tmp_path: Path, change: dict[str, Any]) -> None:
    raw = json.loads(dsse.parse(beside(tmp_path, {}).read_bytes()).payload) | change
    payload = json.dumps({key: value for key, value in raw.items() if value is not ...}).encode()
    path = tmp_path / "changed"
    path.write_bytes(attest.envelope(payload, KEY))
    with pytest.raises(RefusedError, match="the signed cleaning is malformed"):
        attest.opened(path, "cleaning", TrustPolicy.of([KEY.public_key()]), ABOUT, now=NOW)


def test_what_each_further_statement_says_is_in_the_report(tmp_path: Path) -> None:
    path = tmp_path / "u.zip"
    path.write_bytes(b"a bundle")
    said = statement.state(path, [], created=NOW)
    signature_of(path).write_bytes(dsse.seal(said.to_bytes(), KEY).to_bytes())
    account: dict[str, Any] = {
        "salt": "", "input": {}, "inputMembers": [], "outputMembers": [], "removed": [], "replaced": []
    }  # fmt: skip
    attest.beside(path, "cleaning").write_bytes(
        attest.sealed(path.name, said.sha256, "cleaning", account, KEY)
    )
    made = verify(path, [KEY.public_key()], now=NOW, require=("cleaning",))
    assert made.exit_code() is ExitCode.OK
    assert made.subjects[0].stats["statements"] == ["cleaning: signed"]


def test_a_report_that_nobody_trusted_signed_is_a_finding_with_its_reason(tmp_path: Path) -> None:
    path = tmp_path / "audit.html"
    path.write_text("<p>nothing found</p>")
    predicate = {"created": NOW.isoformat()}
    attest.beside(path, "report").write_bytes(
        attest.sealed(path.name, digest(path)[0], "report", predicate, KEY)
    )
    assert verify_report(path, TrustPolicy.of([KEY.public_key()]), now=NOW).exit_code() is ExitCode.OK
    made = verify_report(path, TrustPolicy.of([keys.generate().public_key()]), now=NOW)
    assert made.exit_code() is ExitCode.REFUSED
    assert [r.verdict for r in made.results] == [Verdict.FAIL]
    assert "0 of 1 needed signatures" in made.findings[0].message


def test_a_key_that_no_longer_counts_is_named_beside_one_that_does(tmp_path: Path) -> None:
    """Of two trusted keys the one that signed has expired: without its name the operator would look for a stranger."""
    path = tmp_path / "u.zip"
    path.write_bytes(b"a bundle")
    said = statement.state(path, [], created=NOW)
    signature_of(path).write_bytes(dsse.seal(said.to_bytes(), KEY).to_bytes())
    old = Trusted(key=KEY.public_key(), not_after=date(2026, 11, 23))
    made = verify(path, TrustPolicy((old, Trusted(key=keys.generate().public_key()))), now=NOW)
    (finding,) = made.findings
    assert f"the key {keys.keyid(KEY.public_key())[:16]} expired on 2026-11-23" in finding.message
    assert "0 of 1 needed signatures" in finding.message


@pytest.mark.parametrize("nested", [True, False])
def test_what_was_said_is_what_is_read(nested: bool) -> None:
    said = statement.Statement(
        name="u.zip", sha256=ABOUT, size=7, created=NOW, expires=None, product="aspect", release="3.07",
        members=[{"path": "a", "size": 1}], nested=nested,
    )  # fmt: skip
    assert statement.parse(said.to_bytes()) == said


def test_a_statement_of_before_nesting_was_said_is_about_every_nesting() -> None:
    said = statement.Statement(
        name="u.zip", sha256=ABOUT, size=7, created=NOW, expires=None, product="", release="", members=[]
    )
    raw = json.loads(replace(said, nested=False).to_bytes())
    del raw["predicate"]["nested"]
    assert statement.parse(json.dumps(raw).encode()).nested


def test_a_threshold_of_nobody_is_refused() -> None:
    with pytest.raises(RefusedError, match="no key is trusted"):
        dsse.seal(b"{}", KEY).verify([KEY.public_key()], threshold=0)
