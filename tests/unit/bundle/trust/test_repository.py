"""A TUF repository as a folder: threshold, rotation, revocation, rollback, freshness and expiry, without network."""

from __future__ import annotations

import os
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO

import pytest

from bundle.trust import keys, repository
from bundle.trust.repository import Signers
from hardening.cli import run
from hardening.errors import ExitCode, InputError, RefusedError, UsageError

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

    def steal(self, release: str, signers: Signers) -> None:
        """Publish as somebody does who has the folder and some keys, and not our command's scruples."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(repository, "_missing", lambda *_: None)
            self.publish(release, signers)

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
    world.steal("6.66", Signers(world.roots[:2], [stranger], [world.online]))
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
    world.steal("6.66", world.signers)  # with the lost key
    world.refused("UnsignedMetadataError")
    world.publish("3.07.02", rotated)
    assert world.fetch() == "release 3.07.02"


def test_the_root_needs_two_keys_and_changes_them_by_the_old_ones(world: World) -> None:
    kept, lost, new = world.roots
    with pytest.raises(UsageError):
        repository.rotate(world.repo, "root", [kept.public_key()], world.signers, threshold=2, now=NOW)
    one = Signers([lost], [world.targets], [world.online])
    wanted = [lost.public_key(), new.public_key()]
    for signers in (
        one,
        Signers([lost, new]),
    ):  # the second: enough of the new root's, too few of the old one's
        with pytest.raises(UsageError, match="1 of 2 needed keys of root"):
            repository.rotate(world.repo, "root", wanted, signers, threshold=2, now=NOW)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(repository, "_missing", lambda *_: None)
        made = repository.rotate(world.repo, "root", wanted, one, threshold=2, now=NOW)
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
    assert run([*add, "--targets-key", k["t"]]) == ExitCode.USAGE  # the lost key: no host would take it
    assert run(fetch) == ExitCode.OK
    assert run([*add, "--targets-key", k["t2"]]) == ExitCode.OK
    assert run(["bundle", "tuf", "refresh", repo, "--online-key", k["o"]]) == ExitCode.OK
    assert run(fetch) == ExitCode.OK


def content(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_nothing_is_changed_by_keys_that_are_not_the_repositorys(world: World) -> None:
    """A wrong key wrote metadata that every host refuses, and said "published"; a missing one left the new file alone there."""
    before, stranger = content(world.repo), keys.generate()
    s = world.signers
    for given in (
        Signers(s.root, [stranger], s.online),
        Signers(s.root, s.targets, [stranger]),
        Signers(s.root, s.targets),
        Signers(),
    ):
        with pytest.raises(UsageError):
            world.publish("3.07.02", given)
        assert content(world.repo) == before
    with pytest.raises(UsageError, match="0 of 1 needed keys of snapshot"):
        repository.refresh(world.repo, Signers(online=[stranger]), now=NOW)
    with pytest.raises(UsageError, match="not enough keys for root: 2 needed, 1 given"):
        repository.init(
            world.folder / "n", Signers([s.root[0]] * 2, s.targets, s.online), threshold={"root": 2}, now=NOW
        )
    assert content(world.repo) == before
    assert world.fetch() == "release 3.07.01"


def test_files_of_one_name_are_not_published_and_a_published_one_is_again(
    world: World, tmp_path: Path
) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "upgrade.zip").write_text("another")
    two = [tmp_path / "upgrade.zip", tmp_path / "other" / "upgrade.zip"]
    with pytest.raises(UsageError, match="the same name"):
        repository.add(world.repo, two, world.signers, now=NOW)
    repository.add(world.repo, [world.repo / "targets" / "upgrade.zip"], world.signers, now=NOW)
    assert world.fetch() == "release 3.07.01"


def test_what_is_no_repository_and_what_cannot_be_written_is_said(world: World, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="not the metadata of a repository"):
        repository.refresh(tmp_path / "none", world.signers, now=NOW)
    (tmp_path / "file").write_text("x")
    with pytest.raises(UsageError, match="cannot write"):
        repository.init(tmp_path / "file" / "repo", world.signers, threshold={}, now=NOW)


@pytest.mark.parametrize("role", ["snapshot", "timestamp"])
def test_the_online_key_is_rotated(tmp_path: Path, role: str) -> None:
    """Metadata of a snapshot that the timestamp does not name are refused by every host."""
    k = {name: str(tmp_path / name) for name in ("r", "t", "o", "o2")}
    for path in k.values():
        assert run(["bundle", "keygen", "--out", path, "--no-passphrase"]) == ExitCode.OK
    (tmp_path / "u.zip").write_text("a bundle")
    repo, online = str(tmp_path / "repo"), ["--online-key", k["o"]]
    root, targets = ["--root-key", k["r"]], ["--targets-key", k["t"]]
    tuf = ["bundle", "tuf"]
    assert run([*tuf, "init", repo, *root, *targets, *online]) == ExitCode.OK
    assert run([*tuf, "add", repo, str(tmp_path / "u.zip"), *targets, *online]) == ExitCode.OK
    shutil.copyfile(tmp_path / "repo/metadata/1.root.json", tmp_path / "root.json")
    rotate = [*tuf, "rotate", repo, role, "--new-key", f"{k['o2']}.pub", *root]
    before = content(tmp_path / "repo")
    assert run([*rotate, *online]) == ExitCode.USAGE  # the old key signs nothing for the role any more
    assert content(tmp_path / "repo") == before
    new = ["--online-key", k["o2"]] if role == "timestamp" else [*online, "--online-key", k["o2"]]
    assert run([*rotate, *new]) == ExitCode.OK
    where = ["--root", str(tmp_path / "root.json"), "--state", str(tmp_path / "s"), "-o", str(tmp_path / "i")]
    assert run([*tuf, "fetch", repo, "u.zip", *where]) == ExitCode.OK


def test_a_file_that_cannot_be_written_whole_is_not_there(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half of a release lay under its name, and the release before it was gone."""
    assert world.fetch() == "release 3.07.01"
    world.publish("3.07.02")

    def full(source: IO[bytes], target: IO[bytes], *_: int) -> None:
        target.write(source.read(4))
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("tuf.ngclient.updater.shutil.copyfileobj", full)
        with pytest.raises(UsageError, match=r"cannot write .*out.*: No space left on device"):
            world.fetch()
    assert [p.name for p in (world.folder / "out").iterdir()] == ["upgrade.zip"]
    assert (world.folder / "out" / "upgrade.zip").read_text() == "release 3.07.01"
    assert world.fetch() == "release 3.07.02"


@pytest.mark.skipif(os.geteuid() != 0, reason="root alone gives folders away")
@pytest.mark.parametrize("folder", ["out", "state"])
def test_nothing_is_fetched_into_a_folder_that_somebody_else_laid(world: World, folder: str) -> None:
    """Below /var/tmp anybody may have made it, and may put another file in place of what was verified."""
    (world.folder / folder).mkdir()
    os.chown(world.folder / folder, 1234, 4321)
    with pytest.raises(UsageError, match="belongs to another account"):
        world.fetch()
    assert list((world.folder / folder).iterdir()) == []


def test_a_role_that_nobody_said_a_number_for_needs_one_key(tmp_path: Path) -> None:
    key = keys.generate()
    signers = Signers([key], [key], [key])
    made = repository.init(tmp_path / "repo", signers, threshold={}, now=NOW)
    assert made.name == "1.root.json"


def test_the_tenth_root_is_newer_than_the_ninth(tmp_path: Path) -> None:
    """By their names 10 stands before 9: a key that the ninth root revoked would sign again."""
    first, second = keys.generate(), keys.generate()
    repo, signers = tmp_path / "repo", Signers([first], [first], [first])
    repository.init(repo, signers, threshold={}, now=NOW)
    for number in range(2, 11):
        online = second if number == 10 else first
        made = repository.rotate(repo, "timestamp", [online.public_key()], signers, threshold=1, now=NOW)
        assert made.name == f"{number}.root.json"
    with pytest.raises(UsageError, match="0 of 1 needed keys of timestamp"):
        repository.refresh(repo, signers, now=NOW)
    both = Signers([first], [first], [first, second])
    repository.refresh(repo, both, now=NOW)
