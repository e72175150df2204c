"""Settings, secrets and keys rest encrypted, by ansible-vault or AES-GCM, and every verb reads them."""

from __future__ import annotations

import datetime as dt
import errno
import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from hardening.cli import run
from hardening.errors import ExitCode
from hardening.mailer.rest import Keys, is_sealed, load_key, make_key, opened, sealed
from hardening.mailer.secret import Secret
from hardening.mailer.settings import load
from hardening.mailer.vault import closed, is_vault
from tests.support.mailer.fixtures import Site
from tests.unit.mailer.test_send import certificate


def by_vault(site: Site, apart: Path) -> list[str]:
    """Encrypt as Ansible's own code does."""
    vault = pytest.importorskip("ansible.parsing.vault", reason="ansible-core is not installed")
    (apart / "word").write_text("opensesame\n")
    for path in (site.config, site.folder / "mailer.secret"):
        lib = vault.VaultLib([("default", vault.VaultSecret(b"opensesame"))])
        path.write_bytes(lib.encrypt(path.read_bytes()))
    return ["--vault-password-file", str(apart / "word")]


def by_key(site: Site, apart: Path) -> list[str]:
    key = str(apart / "key")
    files = [str(site.config), str(site.folder / "mailer.secret")]
    assert run(["mailer", "seal", *files, "--key-file", key, "--new-key"]) == ExitCode.OK
    assert stat.S_IMODE((apart / "key").stat().st_mode) == 0o400
    return ["--key-file", key]


WAYS = pytest.mark.parametrize("encrypt", [by_vault, by_key])


@pytest.fixture
def apart(tmp_path: Path) -> Path:
    (tmp_path / "apart").mkdir()
    return tmp_path / "apart"


@WAYS
def test_every_verb_reads_it(
    site: Site, apart: Path, encrypt: Callable[[Site, Path], list[str]], tmp_path: Path
) -> None:
    site.write_secret(site.secret, "next.secret")
    site.write(next_credential={"secret_file": "next.secret"})
    opens = ["-c", str(site.config), *encrypt(site, apart)]
    out = ["-o", str(tmp_path / "out")]
    for verb in (
        ["check"], ["doctor"], ["doctor", "--send"], ["guide", *out], ["send", "--subject", "x", "--text", "x"],
        ["render", "relay", "-o", str(tmp_path / "host"), "--credentials"], ["rotate", "--dry-run"],
    ):  # fmt: skip
        assert run(["mailer", *verb, *opens]) == ExitCode.OK, verb
        assert run(["mailer", *verb, "-c", str(site.config)]) == ExitCode.USAGE, verb
    assert len(site.fake.accepted) == 3
    assert (tmp_path / "host" / "credential.secret").read_text() == site.secret
    assert site.secret.encode() not in site.config.read_bytes() + (site.folder / "mailer.secret").read_bytes()


@WAYS
def test_a_rotation_leaves_it_encrypted(
    site: Site, apart: Path, encrypt: Callable[[Site, Path], list[str]]
) -> None:
    made, key, parsed = certificate(site.folder)
    site.app.certificates.append(parsed)
    day = dt.datetime.now(dt.UTC).date() + dt.timedelta(days=90)
    site.write(
        application=site.app.registration,
        credential={"certificate_file": made.name, "key_file": key.name, "expires": day},
    )
    opens = encrypt(site, apart)
    keys = Keys(*((apart / "word", None) if "vault" in opens[0] else (None, apart / "key")))
    assert run(["mailer", "rotate", "--certificate", "-c", str(site.config), *opens]) == ExitCode.OK
    assert is_vault(site.config.read_bytes()) or is_sealed(site.config.read_bytes())
    assert load(site.config, keys).credentials[0].key_id
    assert run(["mailer", "doctor", "-c", str(site.config), *opens]) == ExitCode.OK
    assert run(["mailer", "rotate", "--retire", "-c", str(site.config), *opens]) == ExitCode.OK
    assert len(load(site.config, keys).credentials) == 1


def test_a_wrong_key_and_a_changed_byte_are_refused(site: Site, apart: Path) -> None:
    opens = by_key(site, apart)
    assert run(["mailer", "check", "-c", str(site.config), *opens]) == ExitCode.OK
    closed_up = site.config.read_bytes()
    other = apart / "other"
    make_key(other)
    assert run(["mailer", "seal", str(site.config), "--key-file", str(other)]) == ExitCode.USAGE
    assert run(["mailer", "check", "-c", str(site.config), "--key-file", str(other)]) == ExitCode.REFUSED
    lines = closed_up.split(b"\n")
    lines[1] = lines[1][:20] + (b"A" if lines[1][20:21] != b"A" else b"B") + lines[1][21:]
    site.config.write_bytes(b"\n".join(lines))
    assert run(["mailer", "check", "-c", str(site.config), *opens]) == ExitCode.REFUSED
    site.config.write_bytes(closed_up.replace(b";1;", b";2;"))
    assert run(["mailer", "check", "-c", str(site.config), *opens]) == ExitCode.REFUSED
    (apart / "key").chmod(0o644)
    assert run(["mailer", "check", "-c", str(site.config), *opens]) == ExitCode.REFUSED


@pytest.mark.parametrize("last", ["absent", "key", "sealed"])
def test_nothing_is_sealed_and_no_key_made_where_one_of_several_cannot_be(
    site: Site, apart: Path, last: str, capfd: pytest.CaptureFixture[str]
) -> None:
    key, plain = apart / "key", site.config.read_bytes()
    make_key(apart / "other")
    (apart / "sealed").write_bytes(sealed(b"x", load_key(apart / "other")))
    words = ["mailer", "seal", str(site.config), str(apart / last), "--key-file", str(key)]
    assert run([*words, "--new-key"]) == ExitCode.USAGE
    assert not key.exists()
    make_key(key)
    before = key.read_bytes()
    assert run(words) == ExitCode.USAGE
    assert capfd.readouterr().out == ""
    assert (site.config.read_bytes(), key.read_bytes()) == (plain, before)


def test_unseal_prints_it(site: Site, apart: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    plain = site.config.read_bytes()
    opens = by_key(site, apart)
    capfdbinary.readouterr()
    assert run(["mailer", "unseal", str(site.config), *opens]) == ExitCode.OK
    assert capfdbinary.readouterr().out == plain
    assert run(["mailer", "unseal", str(apart / "key"), *opens]) == ExitCode.USAGE


def test_a_key_beside_what_it_opens_is_said(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    key = str(site.folder / "key")
    assert run(["mailer", "seal", str(site.config), "--key-file", key, "--new-key"]) == ExitCode.OK
    assert "lies beside what it opens" in capsys.readouterr().err


def test_ansible_reads_what_is_written(tmp_path: Path) -> None:
    vault = pytest.importorskip("ansible.parsing.vault", reason="ansible-core is not installed")
    made = closed(b"tenant = 'x'\n" * 40, Secret("opensesame"))
    assert (
        vault.VaultLib([("default", vault.VaultSecret(b"opensesame"))]).decrypt(made)
        == b"tenant = 'x'\n" * 40
    )
    (tmp_path / "word").write_text("opensesame")
    assert opened(made, Keys(vault_password=tmp_path / "word"), source="x") == b"tenant = 'x'\n" * 40


@pytest.mark.skipif(os.geteuid() != 0, reason="root alone gives files away")
def test_what_another_user_reads_is_read_by_that_user_when_root_has_sealed_it(tmp_path: Path) -> None:
    path, key = tmp_path / "mailer.toml", tmp_path / "key"
    path.write_text("[mailbox]\n")
    path.chmod(0o600)
    os.chown(path, 1234, 4321)
    assert run(["mailer", "seal", str(path), "--key-file", str(key), "--new-key"]) == ExitCode.OK
    about = path.stat()
    assert (about.st_uid, about.st_gid, stat.S_IMODE(about.st_mode)) == (1234, 4321, 0o600)


def test_a_full_disk_leaves_the_file_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path, key = tmp_path / "mailer.toml", tmp_path / "key"
    path.write_text("[mailbox]\n")

    def full(_handle: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    assert run(["mailer", "seal", str(path), "--key-file", str(key), "--new-key"]) == ExitCode.USAGE
    assert f"cannot write {path}: No space left on device" in capsys.readouterr().err
    assert path.read_text() == "[mailbox]\n"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["key", "mailer.toml"]


@pytest.mark.parametrize("mode", [0o440, 0o404, 0o420])
def test_a_key_that_others_may_read_opens_nothing(mode: int, tmp_path: Path) -> None:
    path, key = tmp_path / "mailer.toml", tmp_path / "key"
    path.write_text("[mailbox]\n")
    seal = ["mailer", "seal", str(path), "--key-file", str(key)]
    make_key(key)
    key.chmod(mode)
    assert run(seal) == ExitCode.REFUSED
    assert path.read_text() == "[mailbox]\n"
