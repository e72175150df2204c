"""Two people sign one bundle with one command each: the second keeps what the first signed, or is told why not."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bundle.trust import dsse, keys
from bundle.trust.attest import KINDS, beside
from hardening.cli import run
from hardening.demo import specimen
from hardening.errors import ExitCode


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    for name in "ab":
        keys.write(keys.generate(), tmp_path / name, passphrase=None)
    path = tmp_path / "u.zip"
    path.write_bytes(specimen.bundle())
    return path


def sign(bundle: Path, name: str, *more: str) -> int:
    return run(
        ["bundle", "sign", str(bundle), "--key", str(bundle.with_name(name)), "--no-passphrase", *more]
    )


def verify(bundle: Path, *more: str) -> int:
    both = [word for name in "ab" for word in ("--key", str(bundle.with_name(f"{name}.pub")))]
    return run(["bundle", "verify", str(bundle), "--threshold", "2", *both, *more])


def envelopes(bundle: Path) -> dict[str, dsse.Envelope]:
    return {one.name: dsse.parse(one.read_bytes()) for one in bundle.parent.glob("*.dsse.json")}


def aged(bundle: Path, by: timedelta) -> None:
    """Sign as the first person did at another time."""
    moment = (datetime.now(UTC) - by).isoformat(timespec="seconds")
    key = keys.load_private(bundle.with_name("a"), passphrase=None)
    for path in bundle.parent.glob("*.dsse.json"):
        said = json.loads(dsse.parse(path.read_bytes()).payload)
        for name in {"created", "timeVerified"} & said["predicate"].keys():
            said["predicate"][name] = moment
        path.write_bytes(dsse.seal(json.dumps(said).encode(), key).to_bytes())


def test_the_second_signs_what_the_first_signed(bundle: Path) -> None:
    options = ("--product", "aspect", "--release", "3.07.02", "--audit")
    assert sign(bundle, "a", *options) == ExitCode.OK
    aged(bundle, timedelta(days=3))
    before = envelopes(bundle)
    assert len(before) == 3
    assert sign(bundle, "b", *options) == ExitCode.OK
    after = envelopes(bundle)
    assert {name: one.payload for name, one in after.items()} == {n: one.payload for n, one in before.items()}
    assert [len(one.signatures) for one in after.values()] == [2, 2, 2]
    assert verify(bundle, "--require", "inventory") == ExitCode.OK
    assert sign(bundle, "b", *options) == ExitCode.OK  # once more, and nothing is there twice
    assert envelopes(bundle) == after


@pytest.mark.parametrize(
    "more", [["--release", "3.07.03"], ["--expires", "2099-01-01"], ["--product", "other"], ["--audit"]]
)
def test_who_says_something_else_is_told_and_nothing_is_lost(
    bundle: Path, more: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert sign(bundle, "a", "--release", "3.07.02", "--product", "aspect") == ExitCode.OK
    before = envelopes(bundle)
    assert sign(bundle, "b", "--product", "aspect", *more) == ExitCode.USAGE
    assert "is signed by others, and does not say the same" in capsys.readouterr().err
    assert envelopes(bundle) == before


def test_a_statement_of_tomorrow_is_not_signed(bundle: Path) -> None:
    """A host that had it would refuse whatever is signed until then."""
    assert sign(bundle, "a") == ExitCode.OK
    aged(bundle, timedelta(days=-1))
    assert sign(bundle, "b") == ExitCode.USAGE


def test_ones_own_signature_gives_way_to_a_new_statement(bundle: Path) -> None:
    assert sign(bundle, "a", "--release", "3.07.02") == ExitCode.OK
    assert sign(bundle, "a", "--release", "3.07.03") == ExitCode.OK
    main = envelopes(bundle)["u.zip.dsse.json"]
    assert (len(main.signatures), b"3.07.03" in main.payload) == (1, True)


def test_signatures_over_another_file_give_way(bundle: Path) -> None:
    assert sign(bundle, "a") == ExitCode.OK
    bundle.write_bytes(bundle.read_bytes() + b"\0")
    assert sign(bundle, "b") == ExitCode.OK
    assert [len(one.signatures) for one in envelopes(bundle).values()] == [1, 1]


def test_what_is_signed_elsewhere_stays_what_was_carried_there(bundle: Path) -> None:
    assert run(["bundle", "sign", str(bundle), "--unsigned"]) == ExitCode.OK
    before = envelopes(bundle)
    assert sign(bundle, "b") == ExitCode.OK
    assert {n: one.payload for n, one in envelopes(bundle).items()} == {
        n: one.payload for n, one in before.items()
    }


def test_a_report_is_signed_by_two(tmp_path: Path, bundle: Path) -> None:
    report = tmp_path / "audit.html"
    report.write_text("<html>")
    for name in "ab":
        assert (
            run(["report", "sign", str(report), "--key", str(bundle.with_name(name)), "--no-passphrase"]) == 0
        )
    assert len(dsse.parse(beside(report, "report").read_bytes()).signatures) == 2
    both = [word for name in "ab" for word in ("--key", str(bundle.with_name(f"{name}.pub")))]
    assert run(["report", "verify", str(report), "--threshold", "2", *both]) == ExitCode.OK


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("body", [b"", b"{}", b'{"payloadType": "x", "payload": "W10=", "signatures": []}'])
def test_what_is_no_statement_gives_way(bundle: Path, kind: str, body: bytes) -> None:
    beside(bundle, kind).write_bytes(body)
    assert sign(bundle, "b") == ExitCode.OK
