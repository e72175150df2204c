"""A rule file of one's own, cleaned and signed: the gate is compiled for it, which takes its time."""

from __future__ import annotations

import zipfile
from pathlib import Path

from hardening.cli import run
from hardening.errors import ExitCode
from tests.unit.bundle.rewrite.test_rewrite import a_zip
from tests.unit.bundle.trust.test_statements import said


def test_what_a_rule_file_in_gitleaks_format_finds_gives_way_too(tmp_path: Path) -> None:
    rules, path, out = tmp_path / "own.toml", tmp_path / "old.zip", tmp_path / "new.zip"
    rules.write_text(
        "[[rules]]\nid = 'acme'\nregex = 'acme_([a-z0-9]{12})'\nsecretGroup = 1\nkeywords = ['acme_']\n"
    )
    path.write_bytes(a_zip({"conf/a.txt": b"mode = fast\nk = acme_k3m9z7q1w5x2\n", "b.txt": b"as it is\n"}))
    code = run(["bundle", "clean", str(path), "-o", str(out), "--rules", str(rules)])
    assert code == ExitCode.OK
    with zipfile.ZipFile(out) as archive:
        new = archive.read("conf/a.txt")
        assert archive.read("b.txt") == b"as it is\n"
    assert new.startswith(b"mode = fast\nk = acme_@secret:")
    assert b"k3m9z7q1w5x2" not in new


def test_what_an_own_rule_had_replaced_is_listed_without_a_digest_too(tmp_path: Path) -> None:
    """The signer audits by the shipped rules, which do not know what the cleaner's rule file found."""
    old, out, key, rules = (tmp_path / name for name in ("old.zip", "new.zip", "k", "own.toml"))
    rules.write_text("[[rules]]\nid = 'acme'\nregex = 'acme_([a-z0-9]{12})'\nsecretGroup = 1\n")
    with zipfile.ZipFile(old, "w") as archive:
        archive.writestr("a.txt", "k = acme_k3m9z7q1w5x2\n")
        archive.writestr("b.txt", "as it is\n")
    assert run(["bundle", "clean", str(old), "-o", str(out), "--rules", str(rules), "-q"]) == ExitCode.OK
    assert run(["bundle", "keygen", "--out", str(key), "--no-passphrase"]) == ExitCode.OK
    sign = ["bundle", "sign", str(out), "--key", str(key), "--no-passphrase", "--cleaned-from", str(old)]
    assert run([*sign, "--salt", str(tmp_path / "salt")]) == ExitCode.OK
    account = said(out, "cleaning")["predicate"]
    assert {row["path"] for row in account["inputMembers"] if "hmac" in row} == {"a.txt"}
    assert "sha256" not in account["input"]
