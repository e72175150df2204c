"""What a stranger may put in place of a bundle, its signature or what stands beside it: refused at once, in little memory."""

from __future__ import annotations

import errno
import json
import os
import resource
import struct
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import pytest

from bundle.trust import dsse, installed, keys, statement
from bundle.trust.digest import digest
from bundle.trust.toplevel import members
from bundle.trust.verify import verify
from hardening import inputs
from hardening.cli import run as harden
from hardening.errors import ExitCode, InputError, RefusedError
from tests.unit.bundle.trust.test_trust import NOW, a_bundle, refused

MIB = 1 << 20


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder with a bundle that is signed, and its key."""
    monkeypatch.chdir(tmp_path)
    a_bundle(Path("u.zip"))
    assert harden(["bundle", "keygen", "--out", "k", "--no-passphrase"]) == 0
    assert harden(["bundle", "sign", "u.zip", "--key", "k", "--no-passphrase"]) == 0
    return tmp_path


def bounded(*words: str, memory: int = 700 * MIB, seconds: int = 60) -> subprocess.CompletedProcess[str]:
    """Run a verb that may have so much memory and time, and no more."""

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (memory, memory))

    return subprocess.run(
        [sys.executable, "-m", "hardening", *words], preexec_fn=limit, timeout=seconds, check=False, capture_output=True, text=True
    )  # fmt: skip


@pytest.mark.parametrize(
    ("where", "words", "code"),
    [
        ("u.zip.dsse.json", ("bundle", "verify", "u.zip", "--key", "k.pub"), ExitCode.REFUSED),
        ("u.zip.inventory.dsse.json", ("bundle", "verify", "u.zip", "--key", "k.pub", "--require", "inventory"), ExitCode.REFUSED),
        ("u.zip.dsse.json", ("bundle", "sign", "u.zip", "--key", "k", "--no-passphrase"), ExitCode.USAGE),
        ("hardening.toml", ("bundle", "verify", "u.zip", "--key", "k.pub"), ExitCode.USAGE),
        ("r.html", ("report", "sign", "r.html", "--key", "k", "--no-passphrase"), ExitCode.USAGE),
        ("r.html", ("report", "verify", "r.html", "--key", "k.pub"), ExitCode.USAGE),
        ("r.html.dsse.json", ("report", "verify", "r.html", "--key", "k.pub"), ExitCode.REFUSED),
    ],
)  # fmt: skip
def test_nobody_waits_for_a_pipe_that_lies_in_the_folder(
    made: Path, where: str, words: tuple[str, ...], code: ExitCode
) -> None:
    (made / "r.html").touch()
    (made / where).unlink(missing_ok=True)
    os.mkfifo(made / where)
    said = bounded(*words, seconds=20)
    assert said.returncode == code, said.stderr


def test_a_pipe_that_is_named_is_read(made: Path) -> None:
    words = [sys.executable, "-m", "hardening", "bundle", "verify", "u.zip", "--key", "k.pub"]
    said = subprocess.run(
        ["bash", "-c", '"$@" --signature <(cat u.zip.dsse.json)', "-", *words], check=False, cwd=made
    )
    assert said.returncode == 0


@pytest.mark.parametrize("target", ["victim", "nowhere"])
def test_a_signature_is_not_written_through_a_link_that_a_stranger_laid(
    made: Path, target: str, capfd: pytest.CaptureFixture[str]
) -> None:
    (made / "victim").write_text("mine")
    for name in ("u.zip.dsse.json", "u.zip.inventory.dsse.json", "victim.dsse.json"):
        (made / name).unlink(missing_ok=True)
        (made / name).symlink_to(target)
        verb = ("report", "sign", "victim") if name.startswith("victim") else ("bundle", "sign", "u.zip")
        assert harden([*verb, "--key", "k", "--no-passphrase"]) == ExitCode.USAGE
        assert f"{name} is neither a file nor a link to a signature" in capfd.readouterr().err
        assert (made / "victim").read_text() == "mine"
        assert not (made / "nowhere").exists()
        (made / name).unlink()


def test_a_link_to_a_signature_is_signed_through(made: Path) -> None:
    (made / "u.zip.dsse.json").rename(made / "store")
    (made / "u.zip.dsse.json").symlink_to("store")
    before = (made / "store").read_bytes()
    assert harden(["bundle", "sign", "u.zip", "--key", "k", "--no-passphrase", "--release", "2"]) == 0
    assert (made / "u.zip.dsse.json").is_symlink()
    assert (made / "store").read_bytes() != before


def test_a_bundle_of_a_terabyte_is_refused_by_its_size(made: Path) -> None:
    os.truncate(made / "u.zip", 1 << 40)
    said = bounded("bundle", "verify", "u.zip", "--key", "k.pub", seconds=20)
    assert said.returncode == ExitCode.REFUSED
    assert "it has 1099511627776 bytes, and " in said.stdout


def signed(path: Path, key: keys.PrivateKey, **change: Any) -> Path:
    """Sign the file as one whose statement says what `change` says."""
    said = json.loads(statement.state(path, (), created=NOW).to_bytes())
    said["predicate"] |= change
    path.with_name(f"{path.name}.dsse.json").write_bytes(dsse.seal(json.dumps(said).encode(), key).to_bytes())
    return path


ROW = {"path": "a", "kind": "file", "size": 1, "sha256": "", "mode": None, "owner": ":", "mtime": None, "link": ""}  # fmt: skip


@pytest.mark.parametrize(
    "change",
    [
        {"size": "7"}, {"size": 7.0}, {"size": True}, {"expires": ""}, {"expires": 0}, {"expires": []},
        {"created": "0001-01-01T00:00:00+23:59"}, {"expires": "9999-12-31T23:59:59-23:59"},
        {"members": "abc"}, {"members": {"a": 1}}, {"members": [1]}, {"members": [None]}, {"members": [[]]}, {"members": [{}]},
        {"members": [{**ROW, "path": []}]}, {"members": [{**ROW, "path": {}}]},
    ],
)  # fmt: skip
def test_a_statement_of_other_kinds_of_values_is_malformed(tmp_path: Path, change: dict[str, Any]) -> None:
    key = keys.generate()
    path = signed(a_bundle(tmp_path / "u.zip"), key, **change)
    assert "the signed statement is malformed" in refused(verify(path, [key.public_key()], now=NOW))


@pytest.mark.parametrize("row", [{"path": "gone"}, {**ROW, "mode": 10**30}, {**ROW, "size": "x", "more": 1}])
def test_a_row_that_says_less_or_more_is_a_difference(tmp_path: Path, row: dict[str, Any]) -> None:
    key = keys.generate()
    for nested in (True, False):
        path = signed(a_bundle(tmp_path / "u.zip"), key, members=[row], nested=nested)
        with path.open("ab") as out:
            out.write(b"\0")
        assert "install.sh" in refused(verify(path, [key.public_key()], now=NOW))


@pytest.mark.parametrize("predicate", [{}, [], None, 7, "salt", {"salt": ""}])
def test_an_account_that_accounts_for_nothing_does_not_count(made: Path, predicate: object) -> None:
    key = keys.load_private(made / "k")
    path = made / "u.zip"
    said = json.loads(dsse.load(made / "u.zip.inventory.dsse.json").payload)
    said |= {"predicateType": "urn:aspect-hardening:cleaning:v1", "predicate": predicate}
    (made / "u.zip.cleaning.dsse.json").write_bytes(dsse.seal(json.dumps(said).encode(), key).to_bytes())
    assert "the signed account is malformed" in refused(
        verify(path, [key.public_key()], require=["cleaning"])
    )


@pytest.mark.parametrize("when", ["0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59"])
def test_a_record_of_times_that_no_calendar_has_is_damaged(tmp_path: Path, when: str) -> None:
    (tmp_path / "s").write_text(
        json.dumps({"schema": installed.SCHEMA, "products": {}, "latest": when, "forced": []})
    )
    with pytest.raises(RefusedError, match="cannot be read"):
        installed.load(tmp_path / "s")


def test_a_changed_bundle_of_endless_members_is_not_unpacked(tmp_path: Path) -> None:
    """A directory may name one member a thousand times, or say that it is larger than anything."""
    path = tmp_path / "u.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a", bytes(8 * MIB))
    data = path.read_bytes()
    at, end = data.index(b"PK\1\2"), data.index(b"PK\5\6")
    row, count = bytearray(data[at:end]), 3_000
    last = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, count, count, len(row) * count, at, 0)
    path.write_bytes(data[:at] + bytes(row) * count + last)
    key = keys.generate()
    signed(path, key, members=[{**ROW, "path": "other"}], size=path.stat().st_size + 1)
    said = refused(verify(path, [key.public_key()], now=NOW))
    assert "a was added" in said or "more than 200 times" in said or "lies over" in said


def test_a_directory_or_a_tar_of_too_many_members_is_read_one_by_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bundle.trust.toplevel._DIRECTORY", 100)
    monkeypatch.setattr("bundle.trust.toplevel._MEMBERS", 1)
    with zipfile.ZipFile(tmp_path / "u.zip", "w") as archive:
        for name in "abc":
            archive.writestr(name, name)
    with tarfile.open(tmp_path / "u.tar", "w") as tar:
        for name in "abc":
            tar.addfile(tarfile.TarInfo(name))
    for name in ("u.zip", "u.tar"):
        found = members(tmp_path / name)
        assert not isinstance(found, list)
        assert [one.path for one in found] == ["a", "b", "c"]


def test_names_that_steer_a_terminal_are_shown(made: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (made / "u.zip").rename(made / "u\x1b[2J\n.zip")
    assert harden(["bundle", "sign", "u\x1b[2J\n.zip", "--key", "k", "--no-passphrase"]) == 0
    said = capfd.readouterr().out
    assert "\x1b" not in said
    assert r"u\x1b[2J\n.zip.inventory.dsse.json" in said


def test_a_file_is_read_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_bytes(b"abc")
    assert inputs.read(path, 3, named=False) == b"abc"
    for named in (True, False):
        with pytest.raises(OSError, match="File too large"):
            inputs.read(path, 2, named=named)
    for other in ("/dev/null", "/proc/self/fd", str(tmp_path)):
        with pytest.raises(OSError, match="is not a regular file"):
            inputs.read(Path(other), 3, named=False)
    with pytest.raises(OSError, match="File too large"):
        inputs.read(Path("/dev/zero"), 3)
    with pytest.raises(InputError, match="not a regular file"):
        digest(Path("/dev/zero"))


def test_of_several_signatures_all_are_written_or_none(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first one stayed where the second had too long a name, or no room."""
    long = made / ("u" * 236 + ".zip")
    a_bundle(long)
    words = ["bundle", "sign", "--key", "k", "--no-passphrase"]
    assert harden([*words, str(long)]) == ExitCode.USAGE
    assert not list(made.glob("uu*.json"))
    before = {path: path.read_bytes() for path in made.glob("u.zip.*")}
    assert len(before) == 2
    write = Path.write_bytes

    def full(path: Path, data: bytes) -> int:
        if ".inventory." in path.name:
            raise OSError(errno.ENOSPC, "No space left on device", str(path))
        return write(path, data)

    monkeypatch.setattr(Path, "write_bytes", full)
    assert harden([*words, "u.zip", "--release", "2"]) == ExitCode.USAGE
    assert {path: path.read_bytes() for path in made.glob(".u*")} == {}
    assert {path: path.read_bytes() for path in made.glob("u.zip.*")} == before
