"""From a bundle that must not be installed to one that may: audited, cleaned, signed and verified by command."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import pytest

from bundle.audit import audit
from bundle.clean.run import clean, cleaned
from hardening.cli import run
from hardening.demo import specimen
from hardening.errors import ExitCode, InputError, UsageError
from hardening.findings import Run, Verdict


@pytest.fixture
def upgrade(tmp_path: Path) -> Path:
    path = tmp_path / "upgrade.zip"
    path.write_bytes(specimen.bundle())
    return path


def one(path: Path) -> Run:
    return audit([path], jobs=1)


def report(capfdbinary: pytest.CaptureFixture[bytes], *arguments: object) -> tuple[int, dict[str, Any]]:
    code = run([*map(str, arguments), "--format", "json"])
    return code, json.loads(capfdbinary.readouterr().out)


def test_the_tool_is_named_at_its_path_and_line(
    upgrade: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    code, said = report(capfdbinary, "bundle", "audit", upgrade)
    assert code == ExitCode.FINDINGS
    where = f"{upgrade}!/payload/web.tar.gz!/{specimen.TOOL}"
    found = {(f["rule"], f["location"]["path"], f["location"]["line"]) for f in said["findings"]}
    text = specimen.tool("x").splitlines()
    login = next(n for n, line in enumerate(text, start=1) if "mysql_connect" in line)
    assert ("credential/login-call", where, login) in found
    assert [p for r, p, _ in found if r == "component/adminer"] == [where]
    assert said["subjects"][0]["examined"] == "full"
    stats = said["subjects"][0]["stats"]
    assert stats["bytes"] == stats["bytes_examined"] + stats["bytes_not_examined"]


def test_the_cleaned_bundle_is_clean_and_otherwise_the_same(
    upgrade: Path, tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    out = tmp_path / "clean.zip"
    assert run(["bundle", "clean", str(upgrade), "-o", str(out)]) == ExitCode.OK
    assert b"  removed   payload/web.tar.gz!/" + specimen.TOOL.encode() in capfdbinary.readouterr().out
    code, _ = report(capfdbinary, "bundle", "audit", out)
    assert code == ExitCode.OK
    before, after = members(upgrade), members(out)
    assert {n: v for n, v in before.items() if n.split("!/")[-1] not in specimen.REMOVED} == after


def members(path: Path) -> dict[str, tuple[bytes, object]]:
    found: dict[str, tuple[bytes, object]] = {}
    with zipfile.ZipFile(path) as outer:
        for info in outer.infolist():
            data = outer.read(info)
            if info.filename.endswith(".tar.gz"):
                with tarfile.open(fileobj=io.BytesIO(data)) as inner:
                    for m in inner:
                        body = inner.extractfile(m)
                        meta = (m.mode, m.uid, m.gid, m.mtime)
                        found[f"{info.filename}!/{m.name}"] = (body.read() if body else b"", meta)
            else:
                found[info.filename] = (data, (info.date_time, info.external_attr))
    return found


def test_cleaning_twice_gives_the_same_bytes_and_a_clean_one_is_left_alone(
    upgrade: Path, tmp_path: Path
) -> None:
    first, second, third = tmp_path / "1.zip", tmp_path / "2.zip", tmp_path / "3.zip"
    clean(upgrade, first, one)
    clean(upgrade, second, one)
    clean(first, third, one)
    assert first.read_bytes() == second.read_bytes() == third.read_bytes()


def test_one_flipped_byte_is_refused(
    upgrade: Path, tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    key = tmp_path / "release.key"
    assert run(["bundle", "keygen", "--out", str(key), "--no-passphrase"]) == ExitCode.OK
    assert run(["bundle", "sign", str(upgrade), "--key", str(key)]) == ExitCode.OK
    assert run(["bundle", "verify", str(upgrade), "--key", f"{key}.pub"]) == ExitCode.OK
    data = bytearray(upgrade.read_bytes())
    data[data.index(b"README.txt") + 3] ^= 0x20
    upgrade.write_bytes(data)
    capfdbinary.readouterr()
    code, said = report(capfdbinary, "bundle", "verify", upgrade, "--key", f"{key}.pub")
    assert code == ExitCode.REFUSED
    assert [f["rule"] for f in said["findings"]] == ["trust/content"]


def test_a_passphrase_comes_from_a_file(upgrade: Path, tmp_path: Path) -> None:
    secret = tmp_path / "passphrase"
    secret.write_text("three plain words\n")
    key = tmp_path / "k"
    assert run(["bundle", "keygen", "--out", str(key), "--passphrase-file", str(secret)]) == ExitCode.OK
    assert run(["bundle", "sign", str(upgrade), "--key", str(key)]) == ExitCode.USAGE
    assert run(["bundle", "sign", str(upgrade), "--key", str(key), "--passphrase-file", str(secret)]) == 0


def test_a_day_that_is_past_is_said_when_signing(
    upgrade: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    key = tmp_path / "k"
    assert run(["bundle", "keygen", "--out", str(key), "--no-passphrase"]) == 0
    signing = [
        "bundle",
        "sign",
        str(upgrade),
        "--key",
        str(key),
        "--no-passphrase",
        "--no-inventory",
        "--expires",
    ]
    assert run([*signing, "2999-01-01"]) == 0
    assert "is past" not in capsys.readouterr().err
    assert run([*signing, "2020-01-01"]) == 0
    assert "2020-01-01 is past" in capsys.readouterr().err
    assert run(["bundle", "verify", str(upgrade), "--key", f"{key}.pub"]) == ExitCode.REFUSED


def test_what_the_walk_calls_writable_is_what_the_rewriting_knows() -> None:
    """Another name would claim a safe fix for what stays, or leave what could go."""
    from bundle.audit.section import WRITTEN
    from bundle.rewrite import FORMATS, streams

    behind = {"makeself", "self-extracting", "zip-stub"}
    assert {f.name for f in FORMATS} | {s.name for s in streams.STREAMS} | behind == WRITTEN


def test_a_dry_run_takes_no_option_that_writes(tmp_path: Path, upgrade: Path) -> None:
    words = ["bundle", "clean", str(upgrade)]
    assert run(words) == ExitCode.USAGE
    assert run([*words, "--dry-run", "--secrets", str(tmp_path / "s.json")]) == ExitCode.USAGE
    assert run([*words, "--dry-run", "--check-command", "true"]) == ExitCode.USAGE
    assert [path.name for path in tmp_path.iterdir()] == ["upgrade.zip"]


def test_never_in_place_and_never_half(upgrade: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="exists already"):
        clean(upgrade, upgrade, one)
    for absent in (tmp_path / "absent.zip", tmp_path):
        with pytest.raises(InputError):
            clean(absent, tmp_path / "out.zip", one)
    with pytest.raises(UsageError, match="cannot write"):
        clean(upgrade, tmp_path / "no" / "out.zip", one)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["upgrade.zip"]


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", ExitCode.NOTHING_EXAMINED),
        (b"neither an archive nor anything else", ExitCode.NOTHING_EXAMINED),
        (b"PK\3\4" + b"\xff" * 40, ExitCode.NOTHING_EXAMINED),
        (specimen.bundle()[:-200], ExitCode.FINDINGS),
    ],
)
def test_bad_bundles_end_with_the_code_of_the_table(
    tmp_path: Path, data: bytes, code: ExitCode, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    path = tmp_path / "bad.zip"
    path.write_bytes(data)
    assert run(["bundle", "audit", str(path)]) == code
    printed = capfdbinary.readouterr()
    assert b"Traceback" not in printed.out + printed.err
    assert str(path).encode() in printed.out


def test_a_bundle_that_changes_while_it_is_signed_is_not(
    upgrade: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The audit would be of other bytes than those whose digest is signed."""
    key = tmp_path / "key"
    assert run(["bundle", "keygen", "--out", str(key), "--no-passphrase"]) == ExitCode.OK

    def meanwhile(path: Path, _run: Run) -> dict[str, str]:
        path.write_bytes(specimen.bundle() + b"\0")
        return {"verificationResult": "PASSED"}

    monkeypatch.setattr("bundle.trust.summary.audit_summary", meanwhile)
    assert run(["bundle", "sign", str(upgrade), "--key", str(key), "--audit"]) == ExitCode.REFUSED
    assert {path.name for path in tmp_path.iterdir()} == {"upgrade.zip", "key", "key.pub"}


def test_a_name_that_is_taken_meanwhile_is_not_written_over(upgrade: Path, tmp_path: Path) -> None:
    out = tmp_path / "clean.zip"

    def meanwhile(path: Path) -> Run:
        found = one(path)
        out.write_bytes(b"of somebody else")
        return found

    with pytest.raises(UsageError, match="exists already"):
        clean(upgrade, out, meanwhile)
    assert out.read_bytes() == b"of somebody else"
    assert {path.name for path in tmp_path.iterdir()} == {"upgrade.zip", "clean.zip"}


def test_a_result_that_could_not_be_audited_is_not_left_behind(upgrade: Path, tmp_path: Path) -> None:
    def once(path: Path) -> Run:
        if path != upgrade:
            raise KeyboardInterrupt
        return one(path)

    with pytest.raises(KeyboardInterrupt):
        clean(upgrade, tmp_path / "clean.zip", once)
    assert [path.name for path in tmp_path.iterdir()] == ["upgrade.zip"]


def test_what_a_check_does_not_pass_is_not_kept(upgrade: Path, tmp_path: Path) -> None:
    def check(made: Path) -> None:
        assert specimen.TOOL.encode() not in made.read_bytes()
        raise InputError("not this one")

    with pytest.raises(InputError, match="not this one"):
        cleaned(upgrade, tmp_path / "out.zip", one, check=check)
    assert list(tmp_path.iterdir()) == [upgrade]


PMA = "<?php\nnamespace PhpMyAdmin;\nfinal class Version {\n const VERSION = '5.2.1' . VERSION_SUFFIX;\n}\n"
SITE = {
    "www/pma/src/Version.php": PMA,
    "www/pma/config.inc.php": "<?php\n$password = 'Kf83jx2Lq9ZmA';\n",
    "www/index.php": "<?php\n$password = 'Tq8wZ4nLk2VbR7';\n",
}


@pytest.mark.parametrize("remove", [(), ("component/phpmyadmin",)], ids=["safe", "asked for"])
def test_what_lies_in_a_folder_that_goes_is_answered_by_that(tmp_path: Path, remove: tuple[str, ...]) -> None:
    path, out, inner = tmp_path / "u.zip", tmp_path / "out.zip", io.BytesIO()
    with zipfile.ZipFile(inner, "w") as archive:
        for name, text in SITE.items():
            archive.writestr(name, text)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("web.zip", inner.getvalue())
        for name, text in SITE.items():
            archive.writestr(name, text)
    made = cleaned(path, out, one, remove=remove)
    assert [(r.rule.id, r.reason.partition(" by ")[0]) for r in made.run.results if r.reason] == [
        ("component/phpmyadmin", "removed web.zip!/www/pma/"),
        ("component/phpmyadmin", "removed www/pma/"),
        ("credential/assignment", "removed web.zip!/www/pma/"),
        ("credential/assignment", "removed www/pma/"),
        ("credential/assignment", "replaced"),
        ("credential/assignment", "replaced"),
    ]
    assert {one.parts for one in made.references} == {("web.zip", "www/index.php"), ("www/index.php",)}
    with zipfile.ZipFile(out) as archive:
        assert archive.namelist() == ["web.zip", "www/index.php"]
        assert zipfile.ZipFile(io.BytesIO(archive.read("web.zip"))).namelist() == ["www/index.php"]


@pytest.mark.parametrize("body", [b"", b"hello\n", b"PK\5\6" + bytes(18)])
def test_of_what_nobody_could_look_into_there_is_no_result(tmp_path: Path, body: bytes) -> None:
    """Its name would say that it was cleaned."""
    (tmp_path / "u.zip").write_bytes(body)
    words = ["bundle", "clean", str(tmp_path / "u.zip"), "--secrets", str(tmp_path / "s.json")]
    report = tmp_path / "r.json"
    code = run([*words, "-o", str(tmp_path / "c.zip"), "--report", f"json={report}"])
    assert code == ExitCode.NOTHING_EXAMINED
    assert {one.name for one in tmp_path.iterdir()} == {"u.zip", "r.json"}
    assert [one["id"] for one in json.loads(report.read_bytes())["subjects"]] == [str(tmp_path / "u.zip")]


def test_an_empty_folder_is_nothing(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert run(["bundle", "audit", str(tmp_path / "empty")]) == ExitCode.NOTHING_EXAMINED


def test_a_component_among_other_things_goes_where_the_operator_asks_for_it(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path, kept, out = tmp_path / "up.zip", tmp_path / "kept.zip", tmp_path / "out.zip"
    editor = '(function(){;tinymce={majorVersion:"4",minorVersion:"9.2"}})();\n'
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("www/js/bundle.js", "var own = 1;\n" + editor)
        archive.writestr("www/index.html", "<p>hello</p>\n")
    assert run(["bundle", "clean", str(path), "-o", str(kept)]) == ExitCode.FINDINGS
    assert kept.read_bytes() == path.read_bytes()
    words = ["--remove", "tinymce", "--remove", "component/adminer"]
    assert run(["bundle", "clean", str(path), "-o", str(out), *words]) == ExitCode.OK
    said = capfd.readouterr()
    assert "  removed   www/js/bundle.js\n            component/tinymce\n" in said.out
    assert f"nothing to remove: component/adminer is not in {path}" in said.err
    with zipfile.ZipFile(out) as archive:
        assert archive.namelist() == ["www/index.html"]


def test_a_component_that_nobody_knows_is_named_with_what_was_meant(
    upgrade: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out.zip"
    assert run(["bundle", "clean", str(upgrade), "-o", str(out), "--remove", "tinymc"]) == ExitCode.USAGE
    assert "--remove tinymc: no such component\n  next: did you mean tinymce?" in capfd.readouterr().err
    assert not out.exists()


def test_a_sites_own_rules_are_cleaned_by_too(upgrade: Path, tmp_path: Path) -> None:
    rules, out = tmp_path / "site.toml", tmp_path / "out.zip"
    with zipfile.ZipFile(upgrade) as archive:
        name = next(n for n in archive.namelist() if not n.endswith((".gz", "/")))
        digest = hashlib.sha256(archive.read(name)).hexdigest()
    rules.write_text(f'[[deny]]\nsha256 = ["{digest}"]\nreason = "withdrawn"\nseverity = "high"\n')
    command = ["bundle", "clean", str(upgrade), "-o", str(out), "--rules", str(rules)]
    assert run(command) == ExitCode.FINDINGS
    out.unlink()
    assert run([*command, "--remove", "denied"]) == ExitCode.OK
    with zipfile.ZipFile(out) as archive:
        assert name not in archive.namelist()


def test_a_tool_that_is_compressed_by_itself_goes_with_its_wrapping(tmp_path: Path) -> None:
    path, out = tmp_path / "u.zip", tmp_path / "out.zip"
    inner = io.BytesIO()
    with tarfile.open(fileobj=inner, mode="w:gz") as packed:
        for name, data in (("db.php", specimen.tool("x").encode()), ("keep.txt", b"keep")):
            row = tarfile.TarInfo(name)
            row.size = len(data)
            packed.addfile(row, io.BytesIO(data))
    with zipfile.ZipFile(path, "w") as outer:
        outer.writestr("www/db.php.gz", gzip.compress(specimen.tool("x").encode()))
        outer.writestr("www/keep.gz", gzip.compress(b"keep"))
        outer.writestr("web.tgz", inner.getvalue())
    left = clean(path, out, one)
    assert not [f for f in left.findings if f.rule.id.startswith("component/")]
    with zipfile.ZipFile(out) as made:
        assert made.namelist() == ["www/keep.gz", "web.tgz"]
        with tarfile.open(fileobj=io.BytesIO(made.read("web.tgz"))) as rest:
            assert rest.getnames() == ["keep.txt"]


@pytest.mark.parametrize(("first", "second"), [("a/db.php", "a/db.php"), ("a/db.php", "a//db.php")])
@pytest.mark.parametrize("content", [specimen.tool("x").encode(), b"<?php\n$password = 'Kf83jx2Lq9ZmA';\n"])
def test_what_shares_its_place_with_another_member_stays_and_that_is_said(
    first: str, second: str, content: bytes, tmp_path: Path
) -> None:
    path, out = tmp_path / "u.tar", tmp_path / "out.tar"
    with tarfile.open(path, "w") as packed:
        for name, data in ((first, content), (second, content.replace(b"'", b"'H", 1)), ("b", b"kept")):
            row = tarfile.TarInfo(name)
            row.size = len(data)
            packed.addfile(row, io.BytesIO(data))
    left = clean(path, out, one)
    assert out.read_bytes() == path.read_bytes()
    not_done = [r for r in left.results if r.reason.startswith(("not removed", "not replaced"))]
    assert not_done
    assert all(r.verdict is Verdict.ERROR for r in not_done)
    assert left.exit_code() is ExitCode.FINDINGS


def test_a_member_that_only_has_the_name_of_what_goes_is_not_lost(tmp_path: Path) -> None:
    path, out = tmp_path / "u.tar", tmp_path / "out.tar"
    with tarfile.open(path, "w") as packed:
        for data in (specimen.tool("x").encode(), b"<?php echo 'the installed one';\n"):
            row = tarfile.TarInfo("db.php")
            row.size = len(data)
            packed.addfile(row, io.BytesIO(data))
    clean(path, out, one)
    assert b"the installed one" in out.read_bytes()
