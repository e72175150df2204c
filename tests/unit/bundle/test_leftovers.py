"""After cleaning, what still speaks of the removed component is named at its place, and nothing else is."""

from __future__ import annotations

import base64
import hashlib
import io
import subprocess
import zipfile
from pathlib import Path

import pytest

from bundle.audit import audit
from bundle.clean.run import clean, cleaned
from bundle.verify_clean.verify import prove
from hardening.demo import specimen
from hardening.errors import ExitCode
from hardening.findings import Verdict

TOOL = specimen.tool("x").encode()


def a_bundle(path: Path, files: dict[str, bytes]) -> Path:
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(zipfile.ZipInfo(name), data)
    with zipfile.ZipFile(path, "w") as outer:
        outer.writestr(zipfile.ZipInfo("web.jar"), inner.getvalue())
        outer.writestr(zipfile.ZipInfo("web.jar.sha256"), hashlib.sha256(inner.getvalue()).hexdigest())
        outer.writestr(zipfile.ZipInfo("other.sha256"), b"0" * 64)
    return path


def test_references_and_signatures_are_named(tmp_path: Path) -> None:
    path = a_bundle(
        tmp_path / "old.zip",
        {
            "www/tools/panel.php": TOOL,
            "www/menu.html": b"<ul>\n<li><a href='tools/panel.php'>Database</a>\n</ul>\n",
            "www/boot.php": b"<?php\n\ninclude 'panel.php';\n",
            "conf/httpd.conf": b"Alias /db /www/tools/panel.php\n",
            "MANIFEST": b"www/app.php 1\nwww/tools/panel.php 2\n",
            "www/app.php": b"<?php // sidepanel.php and panel.phpx are other files\n",
            "META-INF/APP.SF": b"Signature-Version: 1.0\n",
        },
    )
    after = clean(path, tmp_path / "new.zip", lambda p: audit([p], jobs=1))
    said = {
        (f.rule.id, f.where.split("!/", 1)[1], f.location.line)  # type: ignore[union-attr]  # all are in files
        for f in after.findings
        if f.rule.id.startswith("clean/")
    }
    assert said == {
        ("clean/reference", "web.jar!/www/menu.html", 2),
        ("clean/reference", "web.jar!/www/boot.php", 3),
        ("clean/reference", "web.jar!/conf/httpd.conf", 1),
        ("clean/reference", "web.jar!/MANIFEST", 2),
        ("clean/inner-signature", "web.jar!/META-INF/APP.SF", None),
        ("clean/inner-signature", "web.jar.sha256", None),
    }
    assert after.exit_code() is ExitCode.OK  # low: they do not fail the run by themselves
    assert prove(path, tmp_path / "new.zip").exit_code() is ExitCode.OK


def test_nothing_removed_says_nothing(tmp_path: Path) -> None:
    path = a_bundle(tmp_path / "old.zip", {"www/menu.html": b"panel.php\n", "META-INF/APP.SF": b"x"})
    after = clean(path, tmp_path / "new.zip", lambda p: audit([p], jobs=1))
    assert not [f for f in after.findings if f.rule.id.startswith("clean/")]


def a_deb(folder: Path) -> Path:
    tree = folder / "tree"
    files = {"usr/share/app/tools/panel.php": TOOL, "usr/share/app/index.php": b"<?php echo 1;\n"}
    sums = ""
    for name, data in files.items():
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).write_bytes(data)
        sums += f"{hashlib.md5(data, usedforsecurity=False).hexdigest()}  {name}\n"
    (tree / "DEBIAN").mkdir()
    (tree / "DEBIAN/control").write_text(
        "Package: app\nVersion: 1.0\nArchitecture: all\nMaintainer: A <a@example.org>\nDescription: x\n"
    )
    (tree / "DEBIAN/md5sums").write_text(sums)
    subprocess.run(
        ["dpkg-deb", "--root-owner-group", "-b", tree, folder / "app.deb"], check=True, capture_output=True
    )
    return folder / "app.deb"


def test_a_package_lists_what_it_holds_now(tmp_path: Path) -> None:
    deb = a_deb(tmp_path)
    out = tmp_path / "clean.deb"
    after = clean(deb, out, lambda p: audit([p], jobs=1))
    assert [f.rule.id for f in after.findings if f.where.endswith("/md5sums")] == ["clean/sums"]
    listed = subprocess.run(["dpkg-deb", "-c", out], check=True, capture_output=True, text=True).stdout
    assert "panel.php" not in listed
    assert "index.php" in listed
    assert prove(deb, out).exit_code() is ExitCode.OK
    assert clean(deb, tmp_path / "again.deb", lambda p: audit([p], jobs=1)).findings
    assert (tmp_path / "again.deb").read_bytes() == out.read_bytes()


def test_a_zip_behind_a_script_loses_its_member_and_keeps_the_script(tmp_path: Path) -> None:
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w") as archive:
        archive.writestr("panel.php", TOOL)
        archive.writestr("index.php", "<?php")
    path, out = tmp_path / "setup.bin", tmp_path / "out.bin"
    stub = b"#!/bin/sh\nexec unzip $0\n"
    path.write_bytes(stub + whole.getvalue())
    after = clean(path, out, lambda p: audit([p], jobs=1))
    assert after.exit_code() is ExitCode.OK
    assert out.read_bytes().startswith(stub)
    with zipfile.ZipFile(out) as archive:
        assert archive.namelist() == ["index.php"]
        assert archive.testzip() is None
    assert prove(path, out).exit_code() is ExitCode.OK


def test_a_folder_that_has_the_tools_name_goes_with_its_styles_and_is_missed_where_it_is_named(
    tmp_path: Path,
) -> None:
    path = a_bundle(
        tmp_path / "old.zip",
        {
            "www/adminer-4.6/index.php": TOOL,
            "www/adminer-4.6/adminer.css": b"body {}",
            "www/adminer-4.6/plugins/dump.php": b"<?php class Dump {}",
            "www/editor/index.php": TOOL,
            "www/editor/mine.php": b"<?php echo 1;",
            "conf/db.conf": b"Alias /db /srv/www/adminer-4.6\n<Directory /srv/www/adminer-4.6>\n</Directory>\n",
            "conf/edit.conf": b"Alias /edit /srv/www/editor\n",
            "www/menu.php": b"<?php\n$menu = [\n  'Text' => '/editor/',\n];\n",
            "www/index.php": b"<?php // the text editor of this product\n",
        },
    )
    after = clean(path, tmp_path / "new.zip", lambda p: audit([p], jobs=1))
    with (
        zipfile.ZipFile(tmp_path / "new.zip") as outer,
        zipfile.ZipFile(io.BytesIO(outer.read("web.jar"))) as inner,
    ):
        assert [name for name in inner.namelist() if name.startswith("www/")] == [
            "www/editor/mine.php", "www/menu.php", "www/index.php",
        ]  # fmt: skip
    assert {f.where.split("!/")[-1] for f in after.findings if f.rule.id == "clean/reference"} == {
        "conf/db.conf", "conf/edit.conf", "www/menu.php",
    }  # fmt: skip
    assert prove(path, tmp_path / "new.zip").exit_code() is ExitCode.OK


def test_a_list_of_checksums_over_what_changed_is_named(tmp_path: Path) -> None:
    inner = a_bundle(tmp_path / "inner.zip", {"tool.php": TOOL})
    path = tmp_path / "old.zip"
    with zipfile.ZipFile(path, "w") as outer:
        outer.write(inner, "payload/inner.zip")
        outer.writestr("payload/kept.txt", "kept")
        sums = "".join(f"{hashlib.sha256(b'').hexdigest()}  {name}\n" for name in ("kept.txt", "inner.zip"))
        outer.writestr("payload/SHA256SUMS", sums)
        outer.writestr("MD5SUMS", f"{'0' * 32} *payload/inner.zip\n")
        outer.writestr("other/SHA256SUMS", sums)
    after = clean(path, tmp_path / "new.zip", lambda p: audit([p], jobs=1))
    said = [f.message for f in after.findings if f.rule.id == "clean/inner-signature" and "SUMS" in f.message]
    assert said == [
        "MD5SUMS line 1 has a checksum of payload/inner.zip, which was changed by the cleaning",
        "SHA256SUMS line 2 has a checksum of payload/inner.zip, which was changed by the cleaning",
    ]


def test_a_line_of_a_wheels_record_over_what_changed_is_named(tmp_path: Path) -> None:
    old = tmp_path / "app-1-py3-none-any.whl"
    lines = f"app/panel.php,sha256={'A' * 43},{len(TOOL)}\napp/a.ini,sha256={'B' * 43},2\n"
    text = b"[db]\nuser = aamuser\npassword = Kf83jx2Lq9ZmA\n"
    with zipfile.ZipFile(old, "w") as wheel:
        wheel.writestr("app/a.ini", text)
        wheel.writestr("app/b.ini", b"[ui]\n")
        wheel.writestr("app-1.dist-info/RECORD", lines)
    after = clean(old, tmp_path / "new.whl", lambda p: audit([p], jobs=1))
    assert [f.message for f in after.findings if f.rule.id == "clean/inner-signature"] == [
        "RECORD line 2 has a checksum of app/a.ini, which was changed by the cleaning"
    ]


@pytest.mark.parametrize(
    "line", ["{digest}  {name}\n", "SHA256 ({name}) = {digest}\n", "SHA2-256({name})= {digest}\n"]
)
def test_a_list_of_checksums_says_how_many_of_its_lines_are_stale(tmp_path: Path, line: str) -> None:
    """Who mends the first line alone ships a list that still fails."""
    files = {f"etc/{n}.cnf": f"[client]\nuser=root\npassword=Kq7{n}vZ9tRw2\n".encode() for n in "abc"}
    files["etc/plain"] = b"as it is\n"
    sums = "".join(
        line.format(digest=hashlib.sha256(data).hexdigest(), name=f"./{name}") for name, data in files.items()
    )
    path, out = tmp_path / "old.zip", tmp_path / "new.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in {"SUMS": sums.encode(), **files}.items():
            archive.writestr(name, data)
    after = clean(path, out, lambda one: audit([one], jobs=1))
    assert [f.message for f in after.findings if f.rule.id == "clean/inner-signature"] == [
        "SUMS line 1 has a checksum of etc/a.cnf, which was changed by the cleaning; so have 2 more lines"
    ]


def test_what_lies_in_a_folder_that_goes_is_answered_by_that(tmp_path: Path) -> None:
    """Whatever is found first: it is asked for by itself, and gone with what is around it."""
    library = b"<?php\nclass ADOConnection {}\n$ADODB_vers = 'v5.20.0';\n"
    path = a_bundle(
        tmp_path / "old.zip",
        {"www/adminer-4.6/a/adodb.inc.php": library, "www/adminer-4.6/index.php": TOOL},
    )
    after = cleaned(path, tmp_path / "new.zip", lambda p: audit([p], jobs=1), remove=["component/adodb"])
    said = {r.rule.id: (r.verdict, r.reason) for r in after.run.results if r.reason.startswith("removed ")}
    gone = (Verdict.PASS, "removed web.jar!/www/adminer-4.6/")
    assert said == {"component/adminer": gone, "component/adodb": gone}
    assert after.absent == ()


def test_a_file_that_stays_with_a_reference_for_its_password_is_not_missed_where_it_is_named(
    tmp_path: Path,
) -> None:
    path = a_bundle(
        tmp_path / "old.zip",
        {
            "www/tools/panel.php": TOOL,
            "etc/site-db.cnf": b"[client]\nuser=root\npassword=Kq7avZ9tRw2\n",
            "bin/boot.sh": b"#!/bin/sh\nmysql --defaults-file=/etc/site-db.cnf\n",
        },
    )
    after = clean(path, tmp_path / "new.zip", lambda p: audit([p], jobs=1))
    assert any("replaced by @secret:" in r.reason and "site-db.cnf" in r.reason for r in after.results)
    assert not [f for f in after.findings if f.rule.id == "clean/reference"]


def test_digests_in_scripts_and_json_are_named(tmp_path: Path) -> None:
    """An installer that compares the digest of a changed archive stops: each place is named, however it is written."""
    path = a_bundle(tmp_path / "old.zip", {"www/tools/panel.php": TOOL, "www/app.php": b"<?php echo 1;\n"})
    with zipfile.ZipFile(path) as archive:
        inner = archive.read("web.jar")
    sha256, sha512 = hashlib.sha256(inner).hexdigest(), hashlib.sha512(inner).digest()
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(
            "install.sh", f'#!/bin/sh\n[ "$(sha256sum < web.jar)" = "{sha256.upper()}  -" ] || exit 1\n'
        )
        archive.writestr("lock.json", f'{{\n "integrity": "sha512-{base64.b64encode(sha512).decode()}"\n}}\n')
        archive.writestr("other.sh", f"echo {'0' * 64} {sha256[:-1]}\n")
    after = clean(path, tmp_path / "new.zip", lambda p: audit([p], jobs=1))
    said = {
        f.message for f in after.findings if f.rule.id == "clean/inner-signature" and ".sha256" not in f.where
    }
    assert said == {
        "install.sh line 2 has the old sha256 of web.jar, which was changed by the cleaning",
        "lock.json line 2 has the old sha512 of web.jar, which was changed by the cleaning",
    }
