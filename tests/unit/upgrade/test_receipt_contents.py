"""What a receipt says, word by word, for other people's programs read it."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from bundle.trust import dsse, keys
from bundle.trust.policy import TrustPolicy
from bundle.trust.verify import REPORT
from hardening import __version__
from hardening.cli import run
from hardening.errors import ExitCode, RefusedError
from hardening.findings import Result, Run, Subject, SubjectKind, Verdict
from hardening.upgrade import receipt, rules
from hardening.upgrade.admission import AdmittedUpgrade

KEY = keys.generate()
TYPE = "urn:aspect-hardening:upgrade-receipt:v1"
BEGIN = datetime(2026, 3, 4, 5, 6, 7, 999, timezone(timedelta(hours=2)))
JOB = AdmittedUpgrade(
    bundle="/var/spool/app 2.zip", sha256="ab" * 32, size=1, unpacked=1, product="app", release="2.0", created="", recipe={}
)  # fmt: skip


def done() -> Run:
    hosts = [
        Subject(
            id="b",
            kind=SubjectKind.HOST,
            stats={"state": "committed", "from": "1.0", "to": "2.0", "upgrade": "u1", "log": 9},
        ),
        Subject(
            id="a",
            kind=SubjectKind.HOST,
            stats={"state": "unreachable", "from": "", "to": "", "upgrade": None},
        ),
    ]
    results = [
        Result(rule=rules.PRODUCT, subject=host, verdict=Verdict.FAIL, reason=reason)
        for host, reason in (
            ("a", "no answer"),
            ("b", ""),
            ("b", "a restart is due"),
            ("bundle", "of neither"),
        )
    ]
    return Run.of(hosts, [], results, started=BEGIN)


def sealed() -> bytes:
    return receipt.sealed(done(), JOB, KEY, by="ops")


def test_it_is_a_statement_of_in_toto_about_the_bundle_and_each_host() -> None:
    made = done()
    raw = receipt.sealed(made, JOB, KEY, by="ops")
    payload = dsse.parse(raw).payload
    value = json.loads(payload)
    assert payload == json.dumps(value, sort_keys=True, separators=(",", ":")).encode()
    assert value.pop("predicate") == {
        "product": "app",
        "release": "2.0",
        "by": "ops",
        "started": "2026-03-04T03:06:07+00:00",
        "finished": made.finished.astimezone(UTC).isoformat(timespec="seconds"),
        "tool": f"aspect-hardening {__version__}",
        "hosts": [
            {"host": one.id, **said}
            for one, said in zip(
                made.subjects,
                (
                    {"state": "unreachable", "reasons": ["no answer"]},
                    {
                        "state": "committed",
                        "from": "1.0",
                        "to": "2.0",
                        "upgrade": "u1",
                        "reasons": ["a restart is due"],
                    },
                ),
                strict=True,
            )
        ],
    }
    assert value == {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": "app 2.zip", "digest": {"sha256": "ab" * 32}}],
        "predicateType": TYPE,
    }


def test_what_was_sealed_is_opened_and_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    place, public = tmp_path / "r.json", keys.write(KEY, tmp_path / "key", passphrase=None)
    place.write_bytes(sealed())
    said = receipt.opened(place.read_bytes(), [KEY.public_key()])
    assert (said["sha256"], said["by"], len(said["hosts"])) == ("ab" * 32, "ops", 2)
    checked = receipt.verified(place, TrustPolicy.of([KEY.public_key()], 1))
    assert (checked.exit_code(), checked.findings) == (ExitCode.OK, ())
    assert [(r.verdict, r.reason) for r in checked.results] == [
        (Verdict.PASS, "a: unreachable; b: committed")
    ]
    assert run(["upgrade", "receipt", str(place), "--key", str(public)]) == ExitCode.OK
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"app 2.0  sha256 {'ab' * 32}"
    assert lines[1].startswith("2026-03-04T03:06:07+00:00 to ")
    assert lines[1].endswith(" by ops")
    assert [line.split(maxsplit=2) for line in lines[2:]] == [
        ["a", "unreachable", "? -> ?  no answer"],
        ["b", "committed", "1.0 -> 2.0  a restart is due"],
    ]


def test_one_by_somebody_else_or_about_something_else_is_refused(tmp_path: Path) -> None:
    place = tmp_path / "r.json"
    place.write_bytes(sealed())
    other = keys.generate().public_key()
    checked = receipt.verified(place, TrustPolicy.of([other], 1))
    assert checked.exit_code() is ExitCode.REFUSED
    assert [(f.rule, f.location.path) for f in checked.findings] == [(REPORT, str(place))]  # type: ignore[union-attr]  # a file, not an endpoint
    assert checked.results[0].reason == checked.findings[0].message
    with pytest.raises(RefusedError):
        receipt.opened(sealed(), [KEY.public_key()], threshold=2)
    body = {"predicateType": TYPE + "x", "subject": [{"digest": {"sha256": ""}}], "predicate": {"hosts": []}}
    with pytest.raises(RefusedError, match="not an upgrade receipt"):
        receipt.opened(dsse.seal(json.dumps(body).encode(), KEY).to_bytes(), [KEY.public_key()])


def test_a_receipt_says_of_itself_that_it_is_one(tmp_path: Path) -> None:
    place = tmp_path / "r.json"
    assert receipt.is_receipt(place) is False
    for data, wanted in (
        (sealed(), True),
        (dsse.seal(json.dumps({"predicateType": "other"}).encode(), KEY).to_bytes(), False),
        (dsse.seal(b"[]", KEY).to_bytes(), False),
        (b"{}", False),
    ):
        place.write_bytes(data)
        assert receipt.is_receipt(place) is wanted


@pytest.mark.parametrize(
    "predicate",
    [{}, {"product": "p"}, {"hosts": 1}, {"product": "p", "release": "1", "started": "", "finished": "", "by": "", "hosts": [{"host": "a"}]}],
)  # fmt: skip
def test_a_signed_one_without_what_is_told_is_refused_in_one_line(
    predicate: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    body = {"predicateType": TYPE, "subject": [{"digest": {"sha256": "0"}}], "predicate": predicate}
    place, public = tmp_path / "r.json", keys.write(KEY, tmp_path / "key", passphrase=None)
    place.write_bytes(dsse.seal(json.dumps(body).encode(), KEY).to_bytes())
    assert run(["upgrade", "receipt", str(place), "--key", str(public)]) == ExitCode.REFUSED
    assert "malformed" in capsys.readouterr().err
