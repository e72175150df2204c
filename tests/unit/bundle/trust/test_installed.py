"""A host refuses what is older than what it has, unless somebody says why; a lost clock brings nothing back."""

from __future__ import annotations

import json
import threading
import zipfile
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bundle.trust import dsse, installed, keys, statement
from bundle.trust.digest import digest
from bundle.trust.inventory import inventory
from bundle.trust.verify import ROLLBACK, signature_of, verify
from hardening.cli import run
from hardening.errors import ExitCode, RefusedError
from hardening.findings import Run, Verdict

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
KEY = keys.generate()


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "installed.json"


def release(folder: Path, name: str, *, days: int = 0, valid: int = 365, product: str = "aspect") -> Path:
    path = folder / f"{name or 'unnamed'}-{days}.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(zipfile.ZipInfo("VERSION"), name)
    created = NOW + timedelta(days=days)
    said = statement.state(
        path,
        inventory(path),
        created=created,
        expires=created + timedelta(days=valid),
        product=product,
        release=name,
    )
    signature_of(path).write_bytes(dsse.seal(said.to_bytes(), KEY).to_bytes())
    return path


def check(path: Path, state: Path, **how: Any) -> Run:
    how = {"now": NOW + timedelta(days=30), "record": True, **how}
    return verify(path, [KEY.public_key()], state_file=state, **how)


def why(made: Run) -> str:
    assert made.exit_code() is ExitCode.REFUSED
    return "; ".join(f"{f.rule.id}: {f.message}" for f in made.findings)


def test_newer_follows_older_and_not_the_other_way(tmp_path: Path, state: Path) -> None:
    old, new = release(tmp_path, "3.07.01"), release(tmp_path, "3.10.00", days=1)
    assert check(old, state).exit_code() is ExitCode.OK
    assert check(new, state).exit_code() is ExitCode.OK
    assert why(check(old, state)) == "trust/rollback: aspect 3.07.01 is older than the installed 3.10.00"
    assert check(new, state).exit_code() is ExitCode.OK  # the same again is no rollback
    kept = json.loads(state.read_bytes())
    assert kept["products"]["aspect"]["release"] == "3.10.00"
    assert kept["forced"] == []


def test_an_older_one_is_refused_where_nothing_is_to_be_noted_too(tmp_path: Path, state: Path) -> None:
    check(release(tmp_path, "3.10.00", days=1), state)
    assert "older than the installed" in why(check(release(tmp_path, "3.07.01"), state, record=False))


def test_releases_without_a_name_follow_each_other_by_when_they_were_signed(
    tmp_path: Path, state: Path
) -> None:
    first, second = release(tmp_path, ""), release(tmp_path, "", days=1)
    assert check(second, state).exit_code() is ExitCode.OK
    assert "before the installed one" in why(check(first, state))


def test_an_older_signature_of_the_same_release_is_a_rollback(tmp_path: Path, state: Path) -> None:
    assert check(release(tmp_path, "3.07.01", days=2), state).exit_code() is ExitCode.OK
    assert "before the installed one" in why(check(release(tmp_path, "3.07.01"), state))
    assert "does not say its release" in why(check(release(tmp_path, "", days=3), state))


def test_a_forced_one_is_recorded_with_its_reason(tmp_path: Path, state: Path) -> None:
    old, new = release(tmp_path, "3.07.01"), release(tmp_path, "3.10.00", days=1)
    check(new, state)
    made = check(old, state, force_reason="driver of the panel fails, ticket 4711")
    assert made.exit_code() is ExitCode.OK
    (waived,) = [r for r in made.results if r.verdict is Verdict.WAIVED]
    assert "ticket 4711" in waived.reason
    (row,) = json.loads(state.read_bytes())["forced"]
    assert (row["from"], row["to"]) == ("3.10.00", "3.07.01")
    assert row["reason"] == "driver of the panel fails, ticket 4711"


def test_a_lost_clock_does_not_bring_back_what_expired(tmp_path: Path, state: Path) -> None:
    short = release(tmp_path, "3.07.01", valid=10)
    check(release(tmp_path, "3.07.00"), state)
    lost = NOW + timedelta(days=1)
    assert "expired" in why(check(short, state, now=lost))
    fresh = release(tmp_path, "3.07.02", days=20)
    assert check(fresh, state, now=datetime(1970, 1, 1, tzinfo=UTC)).exit_code() is ExitCode.OK


def test_what_was_refused_is_not_recorded(tmp_path: Path, state: Path) -> None:
    bad = release(tmp_path, "3.07.01")
    bad.write_bytes(bad.read_bytes() + b"x")
    why(check(bad, state))
    assert not state.exists()
    assert check(release(tmp_path, "3.07.02"), state, record=False).exit_code() is ExitCode.OK
    assert not state.exists()


@pytest.mark.parametrize("data", [b"", b"{}", b"[]", b'{"schema": "other"}', b"\xff", b"[" * 100_000])
def test_a_damaged_record_is_refused(tmp_path: Path, state: Path, data: bytes) -> None:
    state.write_bytes(data)
    made = check(release(tmp_path, "3.07.01"), state)
    assert "cannot be read" in why(made)
    assert state.read_bytes() == data
    # nothing else was looked at, so nothing else holds
    assert {r.verdict for r in made.results if r.rule is not ROLLBACK} == {Verdict.SKIPPED}


def test_by_command(tmp_path: Path, state: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    keys.write(KEY, tmp_path / "k", passphrase=None)
    old, new = release(tmp_path, "3.07.01", days=-300), release(tmp_path, "3.10.00", days=-299)
    base = ["--key", str(tmp_path / "k.pub"), "--installed-state", str(state), "--record"]
    assert run(["bundle", "verify", str(new), *base]) == ExitCode.OK
    assert run(["bundle", "verify", str(old), *base]) == ExitCode.REFUSED
    assert b"older than the installed 3.10.00" in capfdbinary.readouterr().out
    assert run(["bundle", "verify", str(old), *base, "--force-older", "ticket 4711"]) == ExitCode.OK
    assert run(["bundle", "verify", str(old), "--key", str(tmp_path / "k.pub"), "--record"]) == ExitCode.USAGE


@pytest.mark.parametrize(
    ("product", "said"),
    [("nexus", "the product 'nexus'"), ("Aspect", "the product 'Aspect'"), ("aspect ", "the product 'aspect '"),
     ("", "no product")],
)  # fmt: skip
def test_a_bundle_of_another_product_or_of_none_is_refused(
    tmp_path: Path, state: Path, product: str, said: str
) -> None:
    check(release(tmp_path, "9"), state)
    kept = state.read_bytes()
    for new in ("3.07.02", "10"):
        other = release(tmp_path, new, product=product, days=1)
        assert why(check(other, state)) == f"trust/rollback: the bundle is for {said}; aspect is installed"
    assert state.read_bytes() == kept


def test_a_product_is_refused_where_what_is_installed_named_none(tmp_path: Path, state: Path) -> None:
    check(release(tmp_path, "9", product=""), state)
    assert "a bundle of no product is installed" in why(check(release(tmp_path, "10", days=1), state))


@pytest.mark.parametrize(
    ("given", "known", "order"),
    [
        ("3.07.02", "3.07.02+1", -1), ("3.07.02+1", "3.07.02", 1), ("3.07.02+1", "3.07.02+2", -1),
        ("3.07.02+9", "3.07.02+10", -1), ("3.07.02", "3.07.02+0", -1), ("3.07.02+1", "3.07.02+1+1", -1),
        ("3.07.02+1", "3.07.02+1", 0), ("3.07.03", "3.07.02+1", 1), ("3.07.02+a", "3.07.02+b", -1),
    ],
)  # fmt: skip
def test_a_build_behind_a_plus_counts(given: str, known: str, order: int) -> None:
    have = installed.Installed({"aspect": installed.InstalledRelease(known, NOW)})
    said = statement.Statement(name="u", sha256="", size=0, created=NOW + timedelta(days=1), expires=None,
                               product="aspect", release=given, members=[])  # fmt: skip
    assert have.objection(said) == (
        "" if order >= 0 else f"aspect {given} is older than the installed {known}"
    )


@pytest.mark.parametrize(
    "data",
    [
        '{"schema": "harden-installed/1", "products": {"aspect": ROW}, "products": {}, "latest": null, "forced": []}',
        '{"schema": "harden-installed/1", "products": {"aspect": ROW, "aspect": ROW}, "latest": null, "forced": []}',
    ],
)
def test_a_record_with_a_name_twice_is_refused(tmp_path: Path, state: Path, data: str) -> None:
    state.write_text(data.replace("ROW", '{"release": "9", "created": "2026-11-24T12:00:00+00:00"}'))
    assert "cannot be read" in why(check(release(tmp_path, "3.07.01"), state))


def test_the_command_takes_the_product(tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    keys.write(KEY, tmp_path / "k", passphrase=None)
    bundle = release(tmp_path, "3.10.00", days=-299)
    base = ["bundle", "verify", str(bundle), "--key", str(tmp_path / "k.pub"), "--product"]
    assert run([*base, "aspect"]) == ExitCode.OK
    capfdbinary.readouterr()
    for name in ("nexus", "Aspect"):
        assert run([*base, name]) == ExitCode.REFUSED
        assert f"it is signed for the product 'aspect', not '{name}'".encode() in capfdbinary.readouterr().out
    assert run([*base, ""]) == ExitCode.USAGE
    none = release(tmp_path, "3.10.00", days=-298, product="")
    assert run(["bundle", "verify", str(none), *base[3:], "aspect"]) == ExitCode.REFUSED
    assert b"it is signed for no product" in capfdbinary.readouterr().out


def test_bundles_that_are_verified_at_once_are_all_noted(tmp_path: Path, state: Path) -> None:
    """Each read the record before the others wrote it, and the last one wrote its own alone: what is older passed again."""
    many = [f"product-{n}" for n in range(12)]
    before = installed.InstalledRelease("1", NOW)
    installed.store(state, installed.Installed(dict.fromkeys(many, before)))
    bundles = []
    for name in many:
        path = tmp_path / f"{name}.zip"
        path.write_text(name)
        said = statement.state(path, [], created=NOW, product=name, release="2")
        signature_of(path).write_bytes(dsse.seal(said.to_bytes(), KEY).to_bytes())
        bundles.append(path)
    meet = threading.Barrier(len(many))

    def one(path: Path) -> ExitCode:
        return check(
            path, state, held=lambda _said: None, whole=lambda: (meet.wait(), digest(path))[1]
        ).exit_code()

    with ThreadPoolExecutor(len(many)) as pool:
        assert set(pool.map(one, bundles)) == {ExitCode.OK}
    noted = json.loads(state.read_bytes())["products"]
    assert {name: row["release"] for name, row in noted.items()} == dict.fromkeys(many, "2")


def test_what_was_noted_while_a_bundle_was_read_counts(tmp_path: Path, state: Path) -> None:
    old, new = release(tmp_path, "3.07.01"), release(tmp_path, "3.07.02", days=1)

    def whole() -> tuple[str, int]:
        assert check(new, state).exit_code() is ExitCode.OK
        return digest(old)

    assert "is older than the installed 3.07.02" in why(check(old, state, whole=whole))
    assert json.loads(state.read_bytes())["products"]["aspect"]["release"] == "3.07.02"


def test_a_time_without_its_offset_is_a_damaged_record(state: Path) -> None:
    """Nobody knows whose hour it was, so nothing can be compared with it."""
    body = {"schema": installed.SCHEMA, "products": {}, "latest": "2026-11-24T12:00:00", "forced": []}
    state.write_text(json.dumps(body))
    with pytest.raises(RefusedError, match="cannot be read"):
        installed.load(state)
    state.write_text(json.dumps({**body, "latest": "2026-11-24T12:00:00+02:00"}))
    assert installed.load(state).latest == datetime(2026, 11, 24, 10, tzinfo=UTC)
