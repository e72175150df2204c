"""A TUF repository as a folder: threshold, rotation, revocation, rollback, freshness and expiry, without network."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bundle.trust import keys, repository
from bundle.trust.repository import Signers
from hardening.cli import run
from hardening.errors import ExitCode, RefusedError, UsageError

NOW = datetime.now(UTC)


class World:
    """A release engineer with keys, a repository, and a host that knows the first root alone."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.roots = [keys.generate(), keys.generate("ecdsa-p256"), keys.generate()]
        self.targets, self.online = keys.generate(), keys.generate("ecdsa-p256")
        self.signers = Signers(self.roots[:2], [self.targets], [self.online])
        self.repo, self.root = folder / "repo", folder / "1.root.json"
        made = repository.init(self.repo, self.signers, threshold={"root": 2}, now=NOW)
        shutil.copyfile(made, self.root)
        self.publish("3.07.01")

    def publish(self, release: str, signers: Signers | None = None) -> None:
        bundle = self.folder / "upgrade.zip"
        bundle.write_text(f"release {release}")
        repository.add(self.repo, [bundle], signers or self.signers, now=NOW)

    def fetch(self, later: timedelta = timedelta()) -> str:
        got = repository.fetch(
            self.repo, "upgrade.zip", root=self.root, state=self.folder / "state", out=self.folder / "out", now=NOW + later
        )  # fmt: skip
        return got.read_text()

    def refused(self, why: str, later: timedelta = timedelta()) -> None:
        with pytest.raises(RefusedError, match=why):
            self.fetch(later)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def test_the_newest_release_is_found_and_nothing_older_is_taken(world: World, tmp_path: Path) -> None:
    assert world.fetch() == "release 3.07.01"
    shutil.copytree(world.repo, tmp_path / "before")
    world.publish("3.07.02")
    assert world.fetch() == "release 3.07.02"
    shutil.rmtree(world.repo)
    (tmp_path / "before").rename(world.repo)
    world.refused("BadVersionNumberError")


def test_a_changed_file_or_one_that_is_not_published_is_refused(world: World) -> None:
    (world.repo / "targets" / "upgrade.zip").write_text("release 3.07.0X")
    world.refused("LengthOrHashMismatchError|mismatch|Error")
    with pytest.raises(RefusedError, match="is not in the newest release"):
        repository.fetch(world.repo, "x", root=world.root, state=world.folder / "s", out=world.folder / "o")


def test_metadata_that_nobody_trusted_signed_are_refused(world: World) -> None:
    stranger = keys.generate()
    world.publish("6.66", Signers(world.roots[:2], [stranger], [world.online]))
    world.refused("UnsignedMetadataError")


def test_freshness_and_expiry_hold_offline(world: World) -> None:
    assert world.fetch(timedelta(days=30)) == "release 3.07.01"
    world.refused("ExpiredMetadataError", timedelta(days=40))
    repository.refresh(world.repo, world.signers, now=NOW + timedelta(days=39))
    assert world.fetch(timedelta(days=40)) == "release 3.07.01"
    world.refused("ExpiredMetadataError", timedelta(days=1000))


def test_a_lost_key_is_revoked_by_the_root_and_signs_nothing_any_more(world: World) -> None:
    assert world.fetch() == "release 3.07.01"
    new = keys.generate()
    repository.rotate(world.repo, "targets", [new.public_key()], world.signers, threshold=1, now=NOW)
    rotated = Signers(world.roots[:2], [new], [world.online])
    repository.resign(world.repo, "targets", rotated, now=NOW)
    assert world.fetch() == "release 3.07.01"
    world.publish("6.66")  # with the lost key
    world.refused("UnsignedMetadataError")
    world.publish("3.07.02", rotated)
    assert world.fetch() == "release 3.07.02"


def test_the_root_needs_two_keys_and_changes_them_by_the_old_ones(world: World) -> None:
    kept, lost, new = world.roots
    with pytest.raises(UsageError):
        repository.rotate(world.repo, "root", [kept.public_key()], world.signers, threshold=2, now=NOW)
    one = Signers([lost], [world.targets], [world.online])
    made = repository.rotate(
        world.repo, "root", [lost.public_key(), new.public_key()], one, threshold=2, now=NOW
    )
    world.refused("UnsignedMetadataError")
    made.unlink()
    shutil.rmtree(world.folder / "state")
    every = Signers(world.roots, [world.targets], [world.online])
    wanted = [kept.public_key(), new.public_key()]
    repository.rotate(world.repo, "root", wanted, every, threshold=2, now=NOW)
    assert world.fetch() == "release 3.07.01"


def test_by_command(tmp_path: Path) -> None:
    for name in ("r1", "r2", "t", "t2", "o"):
        assert run(["bundle", "keygen", "--out", str(tmp_path / name), "--no-passphrase"]) == ExitCode.OK
    (tmp_path / "u.zip").write_text("a bundle")
    repo, k = str(tmp_path / "repo"), {n: str(tmp_path / n) for n in ("r1", "r2", "t", "t2", "o")}
    roots = ["--root-key", k["r1"], "--root-key", k["r2"]]
    init = ["bundle", "tuf", "init", repo, *roots, "--root-threshold", "2", "--targets-key", k["t"]]
    assert run([*init]) == ExitCode.USAGE
    assert run([*init, "--online-key", k["o"]]) == ExitCode.OK
    assert run([*init, "--online-key", k["o"]]) == ExitCode.USAGE
    shutil.copyfile(tmp_path / "repo/metadata/1.root.json", tmp_path / "root.json")
    add = ["bundle", "tuf", "add", repo, str(tmp_path / "u.zip"), "--online-key", k["o"]]
    assert run([*add, "--targets-key", k["t"]]) == ExitCode.OK
    state, out = str(tmp_path / "state"), str(tmp_path / "out")
    fetch = ["bundle", "tuf", "fetch", repo, "u.zip", "--root", str(tmp_path / "root.json"), "--state", state, "-o", out]  # fmt: skip
    assert run(fetch) == ExitCode.OK
    rotate = ["bundle", "tuf", "rotate", repo, "targets", "--new-key", f"{k['t2']}.pub", *roots]
    assert run([*rotate, "--targets-key", k["t2"], "--online-key", k["o"]]) == ExitCode.OK
    assert run(fetch) == ExitCode.OK
    assert run([*add, "--targets-key", k["t"]]) == ExitCode.OK
    assert run(fetch) == ExitCode.REFUSED
    assert run([*add, "--targets-key", k["t2"]]) == ExitCode.OK
    assert run(["bundle", "tuf", "refresh", repo, "--online-key", k["o"]]) == ExitCode.OK
    assert run(fetch) == ExitCode.OK
