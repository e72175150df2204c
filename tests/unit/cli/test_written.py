"""What a verb writes never falls on what it reads, nor on something else that it writes."""

from __future__ import annotations

import resource
import shutil
import subprocess
import sys
import zipfile
from importlib.resources import files
from pathlib import Path

import pytest

from hardening import resources
from hardening.cli import run
from hardening.errors import ExitCode
from hardening.mailer.rest import make_key


@pytest.fixture
def bundle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "upgrade.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("readme.txt", "an upgrade\n")
    return path


@pytest.mark.parametrize(
    "words",
    [
        "audit upgrade.zip -o upgrade.zip",
        "audit upgrade.zip --format json --report sarif=./upgrade.zip",
        "audit upgrade.zip --report json=link.zip",
        "audit upgrade.zip --report json=a --report sarif=a",
        "audit upgrade.zip --report json=a -o ./a",
        "audit upgrade.zip --rules own.toml --report text=own.toml",
        "audit upgrade.zip --waivers own.toml --report text=own.toml",
        "clean upgrade.zip -o clean.zip --report json=upgrade.zip",
        "clean upgrade.zip -o clean.zip --report json=clean.zip",
        "clean upgrade.zip -o clean.zip --secrets upgrade.zip",
        "clean upgrade.zip -o clean.zip --secrets clean.zip",
        "clean upgrade.zip -o clean.zip --secrets s --report json=s",
        "sbom upgrade.zip -o upgrade.zip",
        "sbom upgrade.zip -o list.json --report json=list.json",
        "sign upgrade.zip --unsigned -o upgrade.zip",
        "sign upgrade.zip --unsigned --report json=upgrade.zip",
        "sign upgrade.zip --unsigned --report json=upgrade.zip.dsse.json",
        "sign upgrade.zip --unsigned --report json=upgrade.zip.inventory.dsse.json",
        "verify upgrade.zip --key own.toml -o upgrade.zip",
        "diff upgrade.zip upgrade.zip -o upgrade.zip",
        "fingerprint upgrade.zip -o upgrade.zip",
        "envelope upgrade.zip --export upgrade.zip",
    ],
)
def test_nothing_is_written_over_what_is_read(
    words: str, bundle: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (bundle.parent / "link.zip").symlink_to("upgrade.zip")
    (bundle.parent / "own.toml").write_text("")
    before, names = bundle.read_bytes(), sorted(bundle.parent.iterdir())
    assert run(["bundle", *words.split()]) == ExitCode.USAGE
    assert "choose another name" in capfd.readouterr().err
    assert bundle.read_bytes() == before
    assert sorted(bundle.parent.iterdir()) == names, "nothing was made"


RECIPE = Path(str(files("hardening"))) / "products/aspect/upgrade.toml"
MAILER = """tenant = "example.com"
client_id = "11111111-2222-4333-8444-555555555555"
mailbox = "alarms@example.com"
recipients = ["operators@example.com"]

[credential]
secret_file = "mailer.secret"
expires = 2027-05-31
"""


@pytest.mark.parametrize(
    "words",
    [
        "bundle audit upgrade.zip --config own.toml -o own.toml",
        "bundle sbom upgrade.zip --config own.toml -o own.toml",
        "bundle audit upgrade.zip -o hardening.toml",
        "tls render nginx --config own.toml -o own.toml",
        "tls render nginx --policy policy.toml -o policy.toml",
        "tls render nginx --policy ./policy.toml -o made --report json=policy.toml",
        "host audit -i hosts -o hosts",
        "host audit -i hosts -e @vars.yml -o vars.yml",
        "upgrade verify -i hosts --report json=hosts",
        "upgrade apply upgrade.zip --recipe recipe.toml -i hosts --key key.pub --sign-key key --receipt upgrade.zip",
        "upgrade apply upgrade.zip --recipe recipe.toml -i hosts --key key.pub --sign-key key --receipt hosts",
        "upgrade apply upgrade.zip --recipe recipe.toml -i hosts --key key.pub --sign-key key --receipt key",
        "upgrade apply upgrade.zip --recipe recipe.toml -i hosts --key key.pub --sign-key key --report json=upgrade.zip.receipt.dsse.json",
        "mailer check -o mailer.secret",
        "mailer check --key-file seal.key -o seal.key",
        "mailer guide -o mailer.toml",
        "mailer guide -o mailer.secret",
        "mailer guide --key-file seal.key -o seal.key",
    ],
)
def test_nothing_is_written_over_settings_and_what_they_name(
    words: str, bundle: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    folder = bundle.parent
    for name in ("own.toml", "hardening.toml", "vars.yml"):
        (folder / name).write_text("")
    shutil.copy(resources.tls_data() / "policies/aspect.toml", folder / "policy.toml")
    (folder / "hosts").write_text("[all]\nlocalhost ansible_connection=local\n")
    shutil.copy(RECIPE, folder / "recipe.toml")
    (folder / "mailer.toml").write_text(MAILER)
    (folder / "mailer.secret").write_text("a secret\n")
    make_key(folder / "seal.key")
    assert run(["bundle", "keygen", "--out", "key", "--no-passphrase"]) == ExitCode.OK
    capfd.readouterr()
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert run(words.split()) == ExitCode.USAGE
    said = capfd.readouterr()
    assert said.out == ""
    assert "choose another name" in said.err
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


@pytest.mark.parametrize(
    "words",
    [
        "tls render nginx -o nginx",
        "tls render nginx --policy aspect -o aspect",
        "tls render nginx --report json=nginx",
        "tls scan 127.0.0.1:1 -o 127.0.0.1:1",
        "tls scan 127.0.0.1:1 --sni web1 -o web1",
    ],
)
def test_what_is_written_may_be_called_after_a_server(
    words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    first = run(words.split())
    assert first != ExitCode.USAGE
    assert run(words.split()) == first


def test_a_dash_is_standard_output(bundle: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (bundle.parent / "mailer.toml").write_text(MAILER)
    assert run(["mailer", "guide", "-o", "-"]) == ExitCode.OK
    assert "alarms@example.com" in capfd.readouterr().out
    with zipfile.ZipFile("one.jar", "w") as jar:
        jar.writestr("org/x/A.class", bytes.fromhex("cafebabe0000003400000000") + b"x" * 300)
    assert run(["bundle", "fingerprint", "one.jar", "-o", "-"]) == ExitCode.OK
    assert "[[" in capfd.readouterr().out
    assert not Path("-").exists()


def test_a_baseline_may_be_written_anew_and_a_device_takes_any_number(bundle: Path) -> None:
    words = ["bundle", "audit", str(bundle), "-o", "/dev/null"]
    assert run([*words, "--report", "json=known.json"]) == ExitCode.OK
    assert run([*words, "--baseline", "known.json", "--report", "json=known.json"]) == ExitCode.OK
    assert run([*words, "--report", "json=/dev/null", "--report", "sarif=/dev/null"]) == ExitCode.OK


def test_a_disk_that_fills_up_costs_no_report_that_was_there(bundle: Path) -> None:
    old, new = bundle.with_name("old.json"), bundle.with_name("new.json")
    old.write_text("the report of yesterday\n")
    for path in (old, new):
        done = subprocess.run(
            [sys.executable, "-m", "hardening", "bundle", "audit", bundle.name, "--format", "json", "-o", path.name],
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (512, 512)),
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert (done.returncode, done.stdout) == (ExitCode.USAGE, "")
        assert done.stderr.startswith(f"harden: cannot write {path.name}: ")
    there = (p.name for p in bundle.parent.iterdir() if not p.name.startswith(".coverage"))
    assert sorted(there) == ["old.json", "upgrade.zip"]
    assert old.read_text() == "the report of yesterday\n"
