"""Further signed statements: the nested inventory, the audit, the provenance, and the account of a cleaning."""

from __future__ import annotations

import base64
import gzip
import io
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from hardening.cli import run
from hardening.demo import specimen
from hardening.errors import ExitCode

LOGIN = "<?php\n$link = mysql_connect('localhost', 'root', '{}');\n"
SECRET = "kR7" + "wq2Zb9LmT4x"


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A bundle with a tool to be removed, and a text with a password that becomes a reference."""
    path = tmp_path / "old.zip"
    path.write_bytes(specimen.bundle())
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("www/login.php", LOGIN.format(SECRET))
        archive.writestr("www/copy.php", LOGIN.format(SECRET))
        archive.writestr("www/plain.php", "<?php echo 1;\n")
    return path


@pytest.fixture
def new(old: Path) -> Path:
    out = old.with_name("new.zip")
    key = old.with_name("k")
    assert run(["bundle", "clean", str(old), "-o", str(out), "-q"]) == ExitCode.OK
    assert run(["bundle", "keygen", "--out", str(key), "--no-passphrase"]) == ExitCode.OK
    sign = ["bundle", "sign", str(out), "--key", str(key), "--no-passphrase", "--audit"]
    assert run([*sign, "--cleaned-from", str(old), "--salt", str(old.with_name("salt"))]) == ExitCode.OK
    return out


def said(path: Path, kind: str) -> Any:
    envelope = json.loads(path.with_name(f"{path.name}.{kind}.dsse.json").read_bytes())
    return json.loads(base64.b64decode(envelope["payload"]))


def verified(path: Path, *more: str) -> tuple[ExitCode, str]:
    report = path.with_name("report.json")
    key = path.with_name("k.pub")
    code = run(
        ["bundle", "verify", str(path), "--key", str(key), *more, "--format", "json", "-o", str(report)]
    )
    found = json.loads(report.read_bytes())["findings"]
    return ExitCode(code), "".join(f"{f['rule']}: {f['message']}" for f in found)


ALL = ("inventory", "audit", "provenance", "cleaning")
EVERY = [word for kind in ALL for word in ("--require", kind)]


def test_each_statement_is_verified_on_its_own(new: Path) -> None:
    assert verified(new, *EVERY) == (ExitCode.OK, "")
    for kind in ALL:
        path = new.with_name(f"{new.name}.{kind}.dsse.json")
        good = path.read_bytes()
        path.write_bytes(good.replace(b'"payload": "ey', b'"payload": "eY', 1))
        code, message = verified(new, *EVERY)
        assert code is ExitCode.REFUSED
        assert message.startswith("trust/statement: ")
        path.unlink()
        assert verified(new, "--require", kind)[0] is ExitCode.REFUSED
        assert verified(new)[0] is ExitCode.OK
        path.write_bytes(good)


def test_a_statement_about_another_bundle_or_of_another_kind_does_not_count(new: Path, old: Path) -> None:
    audit = new.with_name("new.zip.audit.dsse.json")
    good = audit.read_bytes()
    audit.write_bytes(new.with_name("new.zip.provenance.dsse.json").read_bytes())
    assert "is no audit" in verified(new, "--require", "audit")[1]
    sign = ["bundle", "sign", str(old), "--key", str(old.with_name("k")), "--no-passphrase", "--audit"]
    assert run(sign) == ExitCode.OK
    audit.write_bytes(old.with_name("old.zip.audit.dsse.json").read_bytes())
    assert "about another file" in verified(new, "--require", "audit")[1]
    audit.write_bytes(good)
    assert "says FAILED" in verified(old, "--require", "audit")[1]


def test_a_failed_audit_is_said_when_it_is_signed_and_what_is_to_be_done(
    old: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    key = old.with_name("k")
    assert run(["bundle", "keygen", "--out", str(key), "--no-passphrase"]) == ExitCode.OK
    sign = ["bundle", "sign", str(old), "--key", str(key), "--no-passphrase"]
    assert run([*sign, "--audit"]) == ExitCode.OK
    assert f"the audit of {old} says FAILED" in capfd.readouterr().err
    assert run(sign) == ExitCode.OK
    assert "FAILED" not in capfd.readouterr().err
    verify = ["bundle", "verify", str(old), "--key", f"{key}.pub"]
    assert run([*verify, "--require", "audit"]) == ExitCode.REFUSED
    shown = " ".join(capfd.readouterr().out.split())  # lines are broken at the width
    assert "ask the release engineer to clean the bundle and sign it again." in shown
    old.write_bytes(old.read_bytes().replace(b"README.txt", b"README.txT"))
    assert run(verify) == ExitCode.REFUSED
    assert "0 bytes" not in capfd.readouterr().out, "it was not measured"


def test_the_audit_and_the_provenance_are_what_slsa_reads(new: Path) -> None:
    audit = said(new, "audit")
    assert audit["predicateType"] == "https://slsa.dev/verification_summary/v1"
    assert audit["predicate"]["verificationResult"] == "PASSED"
    assert {"verifier", "timeVerified", "resourceUri", "policy", "verifiedLevels"} <= audit[
        "predicate"
    ].keys()
    made = said(new, "provenance")
    assert made["predicateType"] == "https://slsa.dev/provenance/v1"
    build = made["predicate"]["buildDefinition"]
    assert {"buildType", "externalParameters"} <= build.keys()
    assert build["externalParameters"] == {"removed": len(specimen.REMOVED), "replaced": 2}
    assert made["predicate"]["runDetails"]["builder"]["id"]


def test_what_held_a_password_is_listed_without_a_digest_that_could_be_tried(new: Path, old: Path) -> None:
    account = said(new, "cleaning")["predicate"]
    rows = {row["path"]: row for row in account["inputMembers"]}
    with zipfile.ZipFile(old) as archive:
        assert set(archive.namelist()) <= rows.keys()
    sealed = {path for path, row in rows.items() if "hmac" in row}
    removed = [f"payload/web.tar.gz!/{name}" for name in specimen.REMOVED]
    with_password = {removed[0], removed[-1]}
    assert sealed == {"www/login.php", "www/copy.php", *with_password, "payload/web.tar.gz"}
    assert all("sha256" not in rows[path] for path in sealed)
    assert "sha256" not in account["input"]
    assert sorted(account["removed"]) == removed
    assert [row["path"] for row in account["replaced"]] == ["www/copy.php", "www/login.php"]
    salt = old.with_name("salt")
    assert salt.stat().st_mode & 0o777 == 0o600
    whole = b"".join(p.read_bytes() for p in new.parent.glob("*.dsse.json"))
    assert SECRET.encode() not in whole
    assert SECRET.encode() not in b"".join(
        base64.b64decode(json.loads(p.read_bytes())["payload"]) for p in new.parent.glob("*.dsse.json")
    )


def proved(old: Path, new: Path, *more: str) -> tuple[ExitCode, list[str]]:
    report = old.with_name("proof.json")
    command = ["bundle", "verify-clean", str(old), str(new), "--key", str(old.with_name("k.pub")), *more]
    code = run([*command, "--format", "json", "-o", str(report)])
    return ExitCode(code), [
        f"{f['rule']}: {f['message']}"
        for f in json.loads(report.read_bytes())["findings"]
        if f["rule"] in ("prove/account", "prove/difference")
    ]


def test_the_account_holds_for_these_two_bundles_alone(old: Path, new: Path, tmp_path: Path) -> None:
    salt = ("--salt", str(old.with_name("salt")))
    assert proved(old, new, *salt) == (ExitCode.OK, [])
    assert proved(old, new) == (ExitCode.OK, [])
    other = tmp_path / "other-salt"
    other.write_bytes(base64.b64encode(b"\1" * 32))
    other.chmod(0o600)
    assert "not the salt" in proved(old, new, "--salt", str(other))[1][0]
    old.write_bytes(old.read_bytes().replace(SECRET.encode(), SECRET[::-1].encode()))
    # zip checks its members by CRC, so the bundle with the other password is packed anew
    with zipfile.ZipFile(old, "w") as archive, zipfile.ZipFile(new) as had:
        for info in had.infolist():
            data = had.read(info).replace(b"@secret:mysql-root@", b"another-Pw9")
            archive.writestr(info, data)
    code, found = proved(old, new, *salt)
    assert code is ExitCode.REFUSED
    assert found == ["prove/account: old.zip is not the bundle that was cleaned"]


def test_no_account_is_signed_that_is_not_true(old: Path, new: Path) -> None:
    with zipfile.ZipFile(new, "a") as archive:
        archive.writestr("extra.php", "<?php")
    sign = ["bundle", "sign", str(new), "--key", str(old.with_name("k")), "--no-passphrase"]
    signature = new.with_name("new.zip.dsse.json")
    before = signature.read_bytes()
    code = run([*sign, "--cleaned-from", str(old), "--salt", str(old.with_name("salt"))])
    assert code == ExitCode.REFUSED
    assert signature.read_bytes() == before


def test_a_salt_that_others_may_read_is_refused(old: Path, new: Path) -> None:
    salt = old.with_name("salt")
    salt.chmod(0o644)
    sign = ["bundle", "sign", str(new), "--key", str(old.with_name("k")), "--no-passphrase"]
    assert run([*sign, "--cleaned-from", str(old), "--salt", str(salt)]) == ExitCode.USAGE
    assert run([*sign, "--cleaned-from", str(old)]) == ExitCode.USAGE


def test_the_difference_is_named_at_any_nesting_by_the_inventory(new: Path) -> None:
    data = new.read_bytes()
    with zipfile.ZipFile(new, "w", zipfile.ZIP_DEFLATED) as archive, zipfile.ZipFile(io.BytesIO(data)) as had:
        for info in had.infolist():
            body = had.read(info)
            if info.filename == "payload/web.tar.gz":
                body = gzip.compress(gzip.decompress(body).replace(b"at a glance", b"at a glimps"), mtime=0)
            archive.writestr(info, body)
    assert "payload/web.tar.gz!/var/www/html/app.php was changed (content)" in verified(new)[1]
    new.with_name("new.zip.inventory.dsse.json").unlink()
    assert "payload/web.tar.gz was changed" in verified(new)[1]


def test_what_was_signed_is_a_report_too(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    key, told, bundle = tmp_path / "k", tmp_path / "report.json", tmp_path / "upgrade.zip"
    with zipfile.ZipFile(bundle, "w") as made:
        made.writestr("install.sh", "#!/bin/sh\n")
    assert run(["bundle", "keygen", "--out", str(key), "--no-passphrase"]) == ExitCode.OK
    keyid = capfd.readouterr().out.split()[-1]
    words = ["bundle", "sign", str(bundle), "--key", str(key), "--no-passphrase", "--release", "3.07.02"]
    assert run([*words, "--report", f"json={told}"]) == ExitCode.OK
    assert f"signature  {bundle}.dsse.json" in capfd.readouterr().out
    (subject,) = json.loads(told.read_bytes())["subjects"]
    assert subject["reason"] == "signed, not audited"
    assert subject["stats"]["release"] == "3.07.02"
    assert subject["stats"]["signature"] == f"{bundle}.dsse.json"
    assert subject["stats"]["members"] == 1
    assert [one in keyid for one in subject["stats"]["signers"]] == [True]
    unsigned = [*words[:3], "--unsigned", "-q", "--report", f"json={told}"]
    assert run(unsigned) == ExitCode.USAGE
    assert f"{bundle}.dsse.json has signatures, and this would overwrite them" in capfd.readouterr().err
    bundle.with_name("upgrade.zip.dsse.json").unlink()
    assert run(unsigned) == ExitCode.USAGE  # the list of members is signed as well
    assert "upgrade.zip.inventory.dsse.json has signatures" in capfd.readouterr().err
    bundle.with_name("upgrade.zip.inventory.dsse.json").unlink()
    for _ in range(2):  # what nobody has signed may be written anew
        assert run(unsigned) == ExitCode.OK
    assert capfd.readouterr().out == ""
    (subject,) = json.loads(told.read_bytes())["subjects"]
    assert (subject["reason"], subject["stats"]["signers"]) == ("written, not signed, not audited", [])
