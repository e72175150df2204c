"""The role `trust` through the real ansible-playbook: first trust, rotation, revocation, and what the host makes of it."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from bundle.trust import keys
from hardening.cli import run
from tests.support.playbooks.site import Played, play

BRING = "Bring the keys that the host trusts"


class Desk:
    """The control machine's trust file with its keys, and a folder that stands for the host's."""

    def __init__(self, root: Path) -> None:
        self.root, self.folder, self.file = root, root / "etc/aspect-hardening/trust", root / "trust.toml"
        self.ids: dict[str, str] = {}

    def key(self, name: str, algorithm: str = "ed25519") -> str:
        made = keys.generate(algorithm)
        keys.write(made, self.root / name, passphrase=None)
        self.ids[name] = keys.keyid(made.public_key())
        return self.ids[name]

    def trusting(self, *rows: str, threshold: int = 1) -> None:
        self.file.write_text(f"threshold = {threshold}\n" + "".join(f"[[key]]\n{row}\n" for row in rows))

    def harden(self, *flags: str, **more: Any) -> Played:
        values = {
            "harden_hosts": "localhost", "trust_file": str(self.file), "trust_folder": str(self.folder),
            "trust_state_dir": str(self.root / "state"), "trust_install_agent": False, **more,
        }  # fmt: skip
        return play("trust.yml", values, *flags, cwd=self.root)

    def on_host(self) -> list[str]:
        """The ids of the keys on the host, read by the program that verifies there."""
        return sorted(keys.keyid(keys.load_public(path)) for path in self.folder.glob("*.pub"))

    def installs(self, key: str) -> int:
        """What the host's own verifier says of a bundle that this key signed."""
        bundle = self.root / f"{key}.zip"
        if not bundle.exists():
            bundle.write_bytes(b"PK\x05\x06" + b"\0" * 18)
            said = [
                "bundle",
                "sign",
                str(bundle),
                "--key",
                str(self.root / key),
                "--no-passphrase",
                "--no-inventory",
            ]
            assert run([*said, "--product", "aspect", "--release", "3.07.02"]) == 0
        trusted = [word for path in sorted(self.folder.glob("*.pub")) for word in ("--key", str(path))]
        threshold = ["--threshold", (self.folder / "threshold").read_text().strip()]
        program = self.root / "verifier.pyz"
        assert run(["bundle", "verifier", "--out", str(program)]) == 0
        command = [sys.executable, str(program), str(bundle), *trusted, *threshold]
        return subprocess.run(command, capture_output=True, check=False).returncode


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def said(played: Played) -> dict[str, str]:
    return {row["keyid"]: row["state"] for row in played.tasks[BRING]["trusted"]}


def test_first_trust_rotation_and_revocation(desk: Desk) -> None:
    old = desk.key("old")
    desk.trusting('file = "old.pub"')
    predicted = desk.harden("--check", "--diff")
    assert (predicted.code, predicted.stats["changed"], desk.folder.exists()) == (0, 1, False), (
        predicted.output
    )
    first = desk.harden(trust_expected=[old[:16]])
    assert (first.code, first.stats["changed"], said(first)) == (0, 1, {old: "added"}), first.output
    assert old in first.output
    assert (desk.folder / "threshold").read_text() == "1\n"
    assert {oct(path.stat().st_mode & 0o777) for path in desk.folder.iterdir()} == {"0o644"}
    assert desk.installs("old") == 0
    again = desk.harden()
    assert (again.code, again.stats["changed"], said(again)) == (0, 0, {old: "kept"})

    new = desk.key("new", "ecdsa-p256")
    desk.trusting('file = "old.pub"', 'file = "new.pub"')
    assert said(desk.harden()) == {old: "kept", new: "added"}
    assert (desk.installs("old"), desk.installs("new")) == (0, 0)

    desk.trusting('file = "old.pub"\nrevoked = "laptop lost"', 'file = "new.pub"')
    revoked = desk.harden()
    assert said(revoked) == {old: "removed", new: "kept"}
    assert "was revoked: laptop lost" in revoked.output
    assert desk.on_host() == [new]
    assert (desk.installs("old"), desk.installs("new")) == (11, 0)


def test_what_the_trust_file_does_not_name_goes_from_the_host(desk: Desk) -> None:
    desk.folder.mkdir(parents=True)
    stranger, mine, late = desk.key("stranger"), desk.key("mine"), desk.key("late")
    (desk.folder / "anything.pub").write_bytes((desk.root / "stranger.pub").read_bytes())
    (desk.folder / "broken.pub").write_text("no key\n")
    (desk.folder / "notes.txt").write_text("kept")
    desk.trusting('file = "mine.pub"', 'file = "late.pub"\nnot_before = 2999-01-01')
    done = desk.harden()
    assert said(done) == {stranger: "removed", mine: "added", late: "left-out", "no key": "removed"}
    assert sorted(path.name for path in desk.folder.iterdir()) == [
        f"{mine[:16]}.pub",
        "notes.txt",
        "threshold",
    ]


def test_a_host_is_never_left_with_keys_that_nobody_meant(desk: Desk) -> None:
    good = desk.key("a")
    desk.trusting('file = "a.pub"')
    assert desk.harden().code == 0
    desk.trusting('file = "a.pub"\nrevoked = "lost"')
    refused = desk.harden()
    assert refused.code == 2
    assert "was revoked: lost" in re.sub(r"\s+", " ", refused.output)
    assert "Traceback" not in refused.output
    assert desk.on_host() == [good]
