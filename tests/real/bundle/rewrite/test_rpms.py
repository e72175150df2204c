"""An rpm is still good by rpm itself after files are gone or replaced, and says the same of everything that stayed."""

from __future__ import annotations

import os
import random
import subprocess
from pathlib import Path

import pytest

from bundle.audit import audit
from bundle.clean.run import clean
from bundle.rewrite import TextEdit, rewrite
from bundle.verify_clean.verify import prove
from hardening.demo import specimen
from hardening.errors import ArchiveError, ExitCode
from tests.support.programs import need

SECRET = "Vq7gakdfj33xQ"
SPEC = """\
Name: aspect-web
Version: 3.07.01
Release: 1
Summary: the web part
License: none
BuildArch: noarch
Requires: bash >= 4
Provides: aspect-ui = 3
%description
The web part.
%install
cp -a %{_sourcedir}/tree/. %{buildroot}
ln %{buildroot}/usr/bin/run %{buildroot}/usr/bin/run2
ln -s run %{buildroot}/usr/bin/run3
%post
echo installed /var/www/html/db.php
%files
%defattr(0644,root,root,0755)
%dir %attr(0750,root,root) /etc/aspect
%config(noreplace) /etc/aspect/app.conf
/var/www/html
%attr(4755,root,root) /usr/bin/run
%attr(4755,root,root) /usr/bin/run2
/usr/bin/run3
%caps(cap_net_raw=ep) /usr/bin/ping
%ghost /var/www/html/cache
"""
LISTED = (
    "[%{FILENAMES} %{FILESIZES} %{FILEMTIMES} %{FILEDIGESTS} %{FILEMODES:octal} %{FILEUSERNAME} %{FILEGROUPNAME} "
    "%{FILEFLAGS} %{FILELINKTOS} %{FILECAPS} %{FILECLASS} %{FILEDEPENDSN}\n]"
)
REFERRED = b"database = aspect\nuser = engine\npassword = @secret:x@\n"
FORMS = ["w9.gzdio", "w2.xzdio", "w9.bzdio", "w7.lzdio", "w3.zstdio", "w.ufdio"]


def package(folder: Path, payload: str = "w2.xzdio", digest: int = 8) -> Path:
    """Build the package with rpmbuild; `digest` is 1 (MD5, as on CentOS 6) or 8."""
    rpmbuild = need("rpmbuild")
    tree = folder / "SOURCES" / "tree"
    for name, text in {
        "etc/aspect/app.conf": f"database = aspect\nuser = engine\npassword = {SECRET}\n",
        "var/www/html/db.php": specimen.tool(SECRET),
        "var/www/html/login.php": f"<?php\nmysql_connect('localhost', 'engine', '{SECRET}');\n",
        "var/www/html/index.php": "<?php echo 1;\n",
        "var/www/html/cache": "",
        "usr/bin/run": "#!/bin/sh\n",
        "usr/bin/ping": "x" * 70_000,
    }.items():
        path = tree / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        os.utime(path, (1_600_000_000, 1_600_000_000))
    spec = folder / "web.spec"
    spec.write_text(SPEC)
    defined = (f"_topdir {folder}", f"_binary_payload {payload}", f"_binary_filedigest_algorithm {digest}")
    options = [word for one in defined for word in ("--define", one)]
    subprocess.run([rpmbuild, "-bb", "--quiet", *options, spec], check=True, capture_output=True)
    return next((folder / "RPMS").rglob("*.rpm"))


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return package(tmp_path_factory.mktemp("rpm"))


def without(path: Path, new: Path, *edits: TextEdit) -> Path:
    with path.open("rb") as source, new.open("w+b") as target:
        rewrite(source, target, edits)
    return new


def rpm(*words: str | Path) -> str:
    return subprocess.run(["rpm", *words], check=True, capture_output=True, text=True, timeout=60).stdout


def rows(path: Path) -> dict[str, str]:
    return {row.split(" ", 1)[0]: row for row in rpm("-qp", "--qf", LISTED, path).splitlines()}


@pytest.mark.parametrize("form", FORMS)
def test_rpm_finds_the_sums_right_and_everything_that_stayed_unchanged(tmp_path: Path, form: str) -> None:
    old = package(tmp_path, form, digest=1 if form == "w9.gzdio" else 8)
    new = without(
        old,
        tmp_path / "new.rpm",
        TextEdit(("var/www/html/db.php",)),
        TextEdit(("etc/aspect/app.conf",), REFERRED),
    )
    said = rpm("-Kv", new)
    assert "BAD" not in said
    assert said.count(": OK") == rpm("-Kv", old).count(": OK") >= 3
    before, after = rows(old), rows(new)
    del before["/var/www/html/db.php"]
    changed = before.pop("/etc/aspect/app.conf").split(), after.pop("/etc/aspect/app.conf").split()
    assert after == before
    assert changed[1][1] == str(len(REFERRED))
    assert [n for n, (was, now) in enumerate(zip(*changed, strict=True)) if was != now] == [
        1,
        3,
    ]  # size, digest
    asked = (
        "-qp",
        "--requires",
        "--provides",
        "--scripts",
        "--qf",
        "%{PAYLOADFLAGS} %{ARCHIVESIZE} %{BUILDTIME}\n",
    )
    assert rpm(*asked[:-2], new) == rpm(*asked[:-2], old)
    assert (
        without(old, tmp_path / "again.rpm", TextEdit(("var/www/html/db.php",))).read_bytes()
        == without(old, tmp_path / "twice.rpm", TextEdit(("var/www/html/db.php",))).read_bytes()
    )
    proof = prove(old, new)
    assert proof.exit_code() is ExitCode.OK, proof.findings
    assert [f.message for f in proof.findings if f.rule.id == "prove/removed"] == [
        "removed var/www/html/db.php"
    ]


@pytest.mark.skipif(os.geteuid() != 0, reason="rpm installs into another root as root alone")
def test_rpm_installs_what_was_cleaned_and_verifies_it(built: Path, tmp_path: Path) -> None:
    new, root = tmp_path / "new.rpm", tmp_path / "root"
    after = clean(built, new, lambda p: audit([p], jobs=1))
    assert after.exit_code() is ExitCode.OK
    assert SECRET.encode() not in subprocess.run(["rpm2cpio", new], check=True, capture_output=True).stdout
    root.mkdir()
    rpm("--root", root, "--initdb")
    rpm("-i", "--root", root, "--nodeps", "--noscripts", new)
    rpm("-V", "--root", root, "--nodeps", "--noscripts", "aspect-web")
    assert sorted(p.name for p in (root / "var/www/html").iterdir()) == ["index.php", "login.php"]
    assert (root / "usr/bin/run").stat().st_mode & 0o7777 == 0o4755
    assert (root / "usr/bin/run").samefile(root / "usr/bin/run2")
    assert (root / "var/www/html/index.php").stat().st_mtime == 1_600_000_000
    assert "cap_net_raw" in rpm("-q", "--root", root, "--filecaps", "aspect-web")


def test_a_folder_goes_with_what_only_the_header_knows(built: Path, tmp_path: Path) -> None:
    new = without(built, tmp_path / "new.rpm", TextEdit(("var/www",), folder=True))
    assert not [name for name in rows(new) if name.startswith("/var")]
    folders = rpm("-qp", "--qf", "[%{DIRNAMES} ]", new).split()
    assert folders == ["/etc/", "/etc/aspect/", "/usr/bin/"]
    assert "BAD" not in rpm("-Kv", new)
    assert prove(built, new).exit_code() is ExitCode.OK


def test_one_of_two_names_goes_and_the_other_keeps_the_content(built: Path, tmp_path: Path) -> None:
    stored = subprocess.run(["rpm2cpio", built], check=True, capture_output=True).stdout
    listed = subprocess.run(
        ["cpio", "-tv", "--quiet"], input=stored, check=True, capture_output=True
    ).stdout.decode()
    assert " 2 root" in listed
    names = ["usr/bin/run", "usr/bin/run2"]
    results = []
    for name in names:
        try:
            new = without(built, tmp_path / f"{name[-1]}.rpm", TextEdit((name,)))
        except ArchiveError as problem:
            assert "other names" in str(problem)  # noqa: PT017 - one of the two is refused, which one is rpmbuild's choice
            results.append("refused")
            continue
        left = next(n for n in names if n != name)
        out = subprocess.run(
            f"rpm2cpio {new} | cpio -i --quiet --to-stdout ./{left}",
            shell=True,
            check=True,
            capture_output=True,
        )
        assert out.stdout == b"#!/bin/sh\n"
        assert int(rpm("-qp", "--qf", "%{SIZE}", new)) == int(rpm("-qp", "--qf", "%{SIZE}", built))
        results.append("kept")
    assert sorted(results) == ["kept", "refused"]
    both = without(built, tmp_path / "both.rpm", *(TextEdit((name,)) for name in names))
    assert int(rpm("-qp", "--qf", "%{SIZE}", both)) == int(rpm("-qp", "--qf", "%{SIZE}", built)) - 10


def test_a_signature_is_left_out_and_said(tmp_path: Path) -> None:
    old, home = package(tmp_path), tmp_path / "gpg"
    home.mkdir(mode=0o700)
    need("gpg"), need("rpmsign")
    gpg: list[str | Path] = ["gpg", "--homedir", home, "--batch", "--quiet", "--passphrase", ""]
    made = subprocess.run([*gpg, "--quick-gen-key", "maker", "rsa2048"], check=False, capture_output=True)
    assert made.returncode == 0, made.stderr
    options = ["--define", f"_gpg_path {home}", "--define", "_gpg_name maker"]
    subprocess.run(
        ["rpmsign", *options, "--addsign", old],
        check=True,
        capture_output=True,
        env={**os.environ, "GNUPGHOME": str(home)},
    )
    subprocess.run(
        ["gpgconf", "--homedir", home, "--kill", "all"], check=True
    )  # its agent outlives it otherwise
    assert "NOKEY" in subprocess.run(["rpm", "-Kv", old], capture_output=True, text=True, check=False).stdout
    new = tmp_path / "new.rpm"
    after = clean(old, new, lambda p: audit([p], jobs=1))
    assert "NOKEY" not in rpm("-Kv", new)
    inner = [f.message for f in after.findings if f.rule.id == "clean/inner-signature"]
    assert inner
    assert "rpmsign" in inner[0]
    assert [f.message for f in after.findings if f.rule.id == "clean/reference"] == [
        "a script of new.rpm line 2 names html/db.php, which was removed"
    ]
    assert {r.reason.split(": ")[-1] for r in after.results if r.reason.startswith("not replaced")} == {
        "the bundle is signed by its maker"
    }
    assert after.exit_code() is ExitCode.FINDINGS
    assert not [f.message for f in prove(old, new).findings if f.rule.id == "prove/difference"]


@pytest.mark.parametrize(
    "tamper",
    [
        pytest.param((b"installed", b"malicious"), id="script"),
        pytest.param((b"aspect-ui\0", b"aspect-uj\0"), id="provides"),
        pytest.param((b"index.php\0", b"index.phq\0"), id="file-name"),
        pytest.param((b"cap_net_raw=ep", b"cap_net_bin=ep"), id="capability"),
        pytest.param((b"root\0", b"rooU\0"), id="owner"),
    ],
)
def test_a_header_changed_beside_the_removal_is_no_proof(
    built: Path, tmp_path: Path, tamper: tuple[bytes, bytes]
) -> None:
    new = without(built, tmp_path / "new.rpm", TextEdit(("var/www/html/db.php",)))
    was, now = tamper
    data = new.read_bytes()
    assert was in data
    new.write_bytes(data.replace(was, now, 1))
    assert prove(built, new).exit_code() is ExitCode.REFUSED


@pytest.mark.parametrize("size", [4, 96, 100, 300, 2000])
def test_a_damaged_package_is_one_clear_error(built: Path, tmp_path: Path, size: int) -> None:
    cut = tmp_path / "cut.rpm"
    cut.write_bytes(built.read_bytes()[:size])
    with pytest.raises(ArchiveError, match="rpm: "):
        without(cut, tmp_path / "new.rpm", TextEdit(("x",)))


def test_any_damage_to_a_header_is_one_clear_error_or_none(built: Path, tmp_path: Path) -> None:
    rng, data, seen = random.Random(7), built.read_bytes(), set()
    path, header = tmp_path / "damaged.rpm", data.index(b"\x8e\xad\xe8\x01", 100)
    for _ in range(400):
        damaged = bytearray(data)
        for _ in range(rng.randint(1, 3)):
            at = rng.randrange(96, 6000)
            damaged[at] = rng.randrange(256)
        path.write_bytes(damaged)
        try:
            without(path, tmp_path / "new.rpm", TextEdit(("var/www/html/db.php",)))
        except ArchiveError:
            seen.add("refused")
        else:
            seen.add("written")
            assert damaged[header:] == data[header:]  # the damage is in the lead or among the sums
    assert seen == {"written", "refused"}


def test_sums_that_did_not_fit_before_are_not_made_to_fit(built: Path, tmp_path: Path) -> None:
    data, path = built.read_bytes(), tmp_path / "changed.rpm"
    for old, new, word in (
        (b"echo installed", b"echo malicious"[:14], "does not fit its header"),
        (data[-40:], bytes(40), "does not fit its payload"),
    ):
        path.write_bytes(data.replace(old, new))
        with pytest.raises(ArchiveError, match=word):
            without(path, tmp_path / "new.rpm", TextEdit(("var/www/html/db.php",)))
