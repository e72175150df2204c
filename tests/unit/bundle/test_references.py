"""A credential gives way to a reference that its language can hold, and the audit of the result is clean of it."""

from __future__ import annotations

import ast
import base64
import io
import json
import secrets
import subprocess
import tarfile
import tomllib
import zipfile
from pathlib import Path
from urllib.parse import quote
from xml.etree import ElementTree as ET

import pytest
import yaml  # type: ignore[import-untyped]  # it ships no types; Ansible brings it

from bundle.audit import audit
from bundle.clean.run import clean
from bundle.detect.credentials.proof import is_random
from bundle.verify_clean.verify import prove
from hardening.cli import run
from hardening.errors import ExitCode
from hardening.findings import Run, Verdict
from tests.unit.bundle.rewrite.test_rewrite import a_zip

SECRET = next(
    value
    for value in iter(lambda: "aB" + secrets.token_urlsafe(9).replace("-", "k").replace("_", "q") + "7x", "")
    if is_random(value) and is_random(value + "+/7kQ")
)

TEXTS = {
    "www/login.php": "<?php\n$link = mysql_connect('localhost', 'root', '{}');\n$x = 1;\n",
    "www/conf.php": '<?php\n$db_user = "aspect";\n$db_password = "{}";\n',
    "conf/app.properties": "db.user=aspect\ndb.password={}\n",
    "conf/app.ini": "[db]\nuser = aspect\npassword = {}\n",
    "conf/app.yaml": "db:\n  user: aspect\n  password: {}  # kept\n  port: 3306\n",
    "conf/app.json": '{{"db": {{"user": "aspect", "password": "{}"}}}}\n',
    "conf/app.toml": '[db]\nuser = "aspect"\npassword = "{}"\n',
    "conf/server.xml": '<Context><Resource username="app" password="{}" url="x"/></Context>\n',
    "conf/web.xml": "<w><context-param><param-name>db.password</param-name>\n<param-value>{}</param-value></context-param></w>\n",
    "bin/install.sh": "#!/bin/sh\nmysql -u root -p{} aspect < schema.sql\nDB_PASSWORD='{}'\nsshpass -p {} scp a b:\n",
    "db/grants.sql": "GRANT ALL ON aspect.* TO 'aspect'@'localhost' IDENTIFIED BY '{}';\n",
    "db/users.sql": "INSERT INTO users (id, name, password)\nVALUES (1, 'admin', '{}');\n",
    "conf/ftp.conf": "backup = ftp://backup:{}@10.0.0.5/dumps\n",
    "etc/redis.conf": "port 6379\nrequirepass {}\n",
    "tool/x.py": "import ftplib\nPASSWORD = '{}'\nUSER = 'site'\n",
    "src/Db.java": 'class Db {{ void a() {{ DriverManager.getConnection("jdbc:mysql://h/d", "app", "{}"); }} }}\n',
    "root/.pgpass": "localhost:5432:aspect:engine:{}\n",
}


def text(name: str, secret: str = SECRET) -> bytes:
    return TEXTS[name].format(*[secret] * 3).encode()


def one(path: Path) -> Run:
    return audit([path], jobs=1)


def bundle(tmp_path: Path, files: dict[str, bytes]) -> Path:
    path = tmp_path / "old.zip"
    path.write_bytes(a_zip(files))
    return path


def cleaned(tmp_path: Path, files: dict[str, bytes]) -> tuple[dict[str, bytes], Run]:
    out = tmp_path / "new.zip"
    after = clean(bundle(tmp_path, files), out, one)
    with zipfile.ZipFile(out) as archive:
        return {n: archive.read(n) for n in archive.namelist()}, after


def credentials(run_: Run) -> list[str]:
    return [f.where for f in run_.findings if f.rule.id.startswith("credential/")]


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, dict[str, bytes], Run]:
    """One bundle of every text: its audit, what it holds when it was cleaned, and the report."""
    folder = tmp_path_factory.mktemp("everything")
    files = {name: text(name) for name in TEXTS}
    return one(bundle(folder, files)), *cleaned(folder, files)


@pytest.mark.parametrize("name", TEXTS)
def test_the_value_alone_gives_way(everything: tuple[Run, dict[str, bytes], Run], name: str) -> None:
    before, files, after = everything
    found = [f for f in before.findings if f.where.endswith(f"!/{name}")]
    assert [f.fix.safe for f in found if f.fix] == [True] * len(found)
    assert found
    new = files[name].decode()
    assert SECRET not in new
    named = [r["name"] for r in after.subjects[0].stats["secrets"] for p in r["places"] if p["path"] == name]
    assert len(named) == len(found)
    for one_name in named:
        quoted = f'"@secret:{one_name}@"' if name.endswith(".yaml") else f"@secret:{one_name}@"
        new = new.replace(quoted, "{}")
    assert new.encode() == text(name, "{}")


def test_no_report_holds_the_secret(everything: tuple[Run, dict[str, bytes], Run]) -> None:
    _, _, after = everything
    assert not credentials(after)
    assert SECRET not in repr((after.results, after.findings, after.subjects))


def test_the_result_is_valid_in_its_language(everything: tuple[Run, dict[str, bytes], Run]) -> None:
    _, files, _ = everything
    assert yaml.safe_load(files["conf/app.yaml"])["db"]["password"].startswith("@secret:")
    assert json.loads(files["conf/app.json"])["db"]["password"].startswith("@secret:")
    assert tomllib.loads(files["conf/app.toml"].decode())["db"]["password"].startswith("@secret:")
    assert ET.fromstring(files["conf/server.xml"])[0].get("password", "").startswith("@secret:")
    ET.fromstring(files["conf/web.xml"])
    ast.parse(files["tool/x.py"])
    subprocess.run(["sh", "-n"], input=files["bin/install.sh"], check=True)


def test_names_are_of_the_account_and_equal_values_share_one(tmp_path: Path) -> None:
    other = SECRET[::-1]
    files = {
        "a.php": text("www/login.php"),
        "b.php": text("www/login.php"),
        "c.php": text("www/login.php", other),
    }
    new, after = cleaned(tmp_path, files)
    assert new["a.php"] == new["b.php"]
    assert b"'@secret:mysql-root@'" in new["a.php"]
    assert b"'@secret:mysql-root-2@'" in new["c.php"]
    assert [(r["name"], r["account"], [p["path"] for p in r["places"]]) for r in after.subjects[0].stats["secrets"]] == [
        ("mysql-root", "root", ["a.php", "b.php"]),
        ("mysql-root-2", "root", ["c.php"]),
    ]  # fmt: skip


def test_one_value_of_an_account_in_five_codes_is_one_placeholder(tmp_path: Path) -> None:
    """Each place records the code in which the host writes the new value."""
    secret = SECRET + "+/7kQ"
    raw = secret.encode()
    codes = {
        "plain.properties": ("", f"db.user=app\ndb.password={secret}\n"),
        "a.properties": ("base64", f"db.user=app\ndb.password={base64.b64encode(raw).decode()}\n"),
        "a.php": ("base64", f"<?php\n$db_user = 'app';\n$db_password = base64_decode('{base64.b64encode(raw).decode()}');\n"),
        "a.yaml": ("base64", f"db:\n  db_user: app\n  db_password_b64: {base64.b64encode(raw).decode()}\n"),
        "b.properties": ("hex", f"db.user=app\ndb.password={raw.hex()}\n"),
        "b.php": ("hex", f"<?php\n$db_user = 'app';\n$db_password = hex2bin('{raw.hex()}');\n"),
        "c.properties": ("hex-upper", f"db.user=app\ndb.password={raw.hex().upper()}\n"),
        "d.properties": ("url", f"db.user=app\ndb.password={quote(secret, safe='')}\n"),
        "e.properties": ("", f"jdbc=mysql://app:{quote(secret, safe='')}@db.local/x\n"),
        "a.xml": ("", '<db username="app" password="' + "".join(f"&#{c};" for c in raw) + '"/>\n'),
    }  # fmt: skip
    new, after = cleaned(tmp_path, {name: text.encode() for name, (_, text) in codes.items()})
    (row,) = after.subjects[0].stats["secrets"]
    assert {p["path"]: p.get("encoding", "") for p in row["places"]} == {
        name: code for name, (code, _) in codes.items()
    }
    assert {p["path"]: p["syntax"] for p in row["places"] if p["syntax"] in ("url", "xml")} == {
        "e.properties": "url",
        "a.xml": "xml",
    }
    for name in codes:
        assert new[name].count(f"@secret:{row['name']}@".encode()) == 1


def test_a_place_of_two_accounts_names_both_in_the_list(tmp_path: Path) -> None:
    files = {
        "a.ini": f"[db]\nuser = admin\nlogin = root\npassword = {SECRET}\n".encode(),
        "b.ini": f"[db]\nuser = admin\npassword = {SECRET}\n".encode(),
        "c.ini": f"[db]\nuser = other\npassword = {SECRET}\n".encode(),
    }
    _, after = cleaned(tmp_path, files)
    rows = after.subjects[0].stats["secrets"]
    assert [(r["account"], [p["path"] for p in r["places"]]) for r in rows] == [
        ("other", ["c.ini"]),
        ("root or admin", ["a.ini", "b.ini"]),
    ]


@pytest.mark.parametrize(
    ("coding", "mark"),
    [("utf-16", b""), ("utf-16-be", b"\xfe\xff"), ("utf-16-le", b""), ("utf-16-be", b""), ("utf-8-sig", b""), ("latin-1", b"")],
)  # fmt: skip
def test_the_encoding_is_kept(tmp_path: Path, coding: str, mark: bytes) -> None:
    written = "[db]\r\ntitle = Geb\u00e4ude\r\nuser = aspect\r\npassword = {}\r\n"
    files, after = cleaned(tmp_path, {"a.ini": mark + written.format(SECRET).encode(coding)})
    (row,) = after.subjects[0].stats["secrets"]
    assert files["a.ini"] == mark + written.format(f"@secret:{row['name']}@").encode(coding)


def test_inside_nested_archives_and_proved(tmp_path: Path) -> None:
    tar = io.BytesIO()
    with tarfile.open(fileobj=tar, mode="w:gz") as archive:
        for name in ("www/login.php", "conf/app.yaml"):
            info = tarfile.TarInfo(name)
            info.size = len(text(name))
            archive.addfile(info, io.BytesIO(text(name)))
    war = a_zip({"WEB-INF/web.xml": text("conf/web.xml"), "web.tar.gz": tar.getvalue()})
    old, first, second = bundle(tmp_path, {"a.war": war}), tmp_path / "1.zip", tmp_path / "2.zip"
    assert not credentials(clean(old, first, one))
    clean(old, second, one)
    assert first.read_bytes() == second.read_bytes()
    proof = prove(old, first)
    assert proof.exit_code() is ExitCode.OK
    assert len([f for f in proof.findings if f.rule.id == "prove/replaced"]) == 3


@pytest.mark.parametrize("name", ["META-INF/RELEASE.SF", "www/login.php.asc"])
def test_nothing_is_replaced_in_what_is_signed(tmp_path: Path, name: str) -> None:
    files, after = cleaned(tmp_path, {"www/login.php": text("www/login.php"), name: b"a signature\n"})
    assert files["www/login.php"] == text("www/login.php")
    (failed,) = [r.reason for r in after.results if r.verdict is Verdict.ERROR]
    assert failed.endswith("is signed by its maker")
    assert after.exit_code() is ExitCode.FINDINGS


@pytest.mark.parametrize("order", [1, -1])
def test_nothing_is_replaced_where_a_name_stands_twice(tmp_path: Path, order: int) -> None:
    """Both members would get one text; whichever of them holds the value, this is what is said."""
    path, out = tmp_path / "old.tar", tmp_path / "new.tar"
    with tarfile.open(path, "w") as archive:
        for data in (text("www/login.php"), b"<?php echo 'another';\n")[::order]:
            info = tarfile.TarInfo("a.php")
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    after = clean(path, out, one)
    assert out.read_bytes() == path.read_bytes()
    assert [r.reason for r in after.results if r.verdict is Verdict.ERROR] == [
        "not replaced: a.php line 2: its name is there twice in the archive"
    ]


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("a.pl", '$password = "{}";\n'),
        ("a.php", "<?php if ($_POST['user'] == 'x' && $_POST['pass'] == '{}') {{ login(); }}\n"),
        ("a.php", "<?php $db_password = str_rot13(base64_decode('{}')); // b64\n"),
    ],
)
def test_where_a_reference_would_not_hold_the_credential_is_reported(
    tmp_path: Path, name: str, written: str
) -> None:
    value = base64.b64encode(SECRET.encode()).decode() if "base64" in written else SECRET
    files, after = cleaned(tmp_path, {name: written.format(value).encode()})
    assert files[name] == written.format(value).encode()
    assert credentials(after)


def test_the_list_for_the_installer_holds_no_secret(
    tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    path, listed = bundle(tmp_path, {n: text(n) for n in TEXTS}), tmp_path / "secrets.json"
    out = tmp_path / "new.zip"
    assert run(["bundle", "clean", str(path), "-o", str(out), "--secrets", str(listed)]) == ExitCode.OK
    said = json.loads(listed.read_bytes())
    assert said["schema"] == "harden-secrets/1"
    assert all(row.keys() == {"name", "account", "service", "places"} for row in said["secrets"])
    printed = b"".join(capfdbinary.readouterr())
    assert SECRET.encode() not in printed + listed.read_bytes() + out.read_bytes()
    assert (
        b"  replaced  www/login.php:2\n            by @secret:mysql-root@\n            credential/login-call\n"
        in printed
    )


def test_the_check_command_sees_the_result_and_decides(
    tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    path, out = bundle(tmp_path, {"a.php": text("www/login.php")}), tmp_path / "new.zip"
    command = ["bundle", "clean", str(path), "-o", str(out), "--check-command"]
    for failing, why in (
        ("grep -q root", "ended with 1"),
        ("sh -c 'kill -9 $$' {}", "ended with signal 9"),
        ("sleep 600", "took longer than 0.3"),
    ):
        words = [*command, failing, "--check-seconds", "0.3" if "sleep" in failing else "60"]
        words = [w.replace("sleep 600", "sh -c 'sleep 600' {}") for w in words]
        assert run(words) == ExitCode.ROLLED_BACK
        assert why.encode() in capfdbinary.readouterr().err
        assert sorted(p.name for p in tmp_path.iterdir()) == ["old.zip"]
    assert run([*command, "/no/such/program"]) == ExitCode.USAGE
    assert not out.exists()
    assert run([*command, "python3 -m zipfile -t {}"]) == ExitCode.OK
    assert out.exists()


def test_a_rule_of_sudos_is_no_secret_and_stays_as_it_is(tmp_path: Path) -> None:
    path, out = tmp_path / "up.zip", tmp_path / "out.zip"
    rules = "apache ALL=(ALL) NOPASSWD: /opt/app/restart\n%wheel ALL=(ALL) NOPASSWD: ALL\n"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("etc/sudoers.d/app", rules)
    made = clean(path, out, lambda bundle: audit([bundle], jobs=1))
    assert out.read_bytes() == path.read_bytes()
    assert {f.evidence for f in made.findings} == {
        "apache NOPASSWD: /opt/app/restart",
        "%wheel NOPASSWD: ALL",
    }
    assert not any(f.fix and f.fix.safe for f in made.findings)


def test_nothing_is_replaced_under_a_name_that_no_list_can_hold(tmp_path: Path) -> None:
    path, out = tmp_path / "old.tar", tmp_path / "new.tar"
    with tarfile.open(path, "w") as archive:
        info = tarfile.TarInfo(b"caf\xe9.ini".decode("utf-8", "surrogateescape"))
        data = text("conf/app.ini")
        info.size = len(data)
        archive.addfile(info, io.BytesIO(data))
    after = clean(path, out, one)
    assert out.read_bytes() == path.read_bytes()
    (reason,) = [r.reason for r in after.results if r.verdict is Verdict.ERROR]
    assert reason.endswith("its name has bytes that are not text, so no host could find the place")
