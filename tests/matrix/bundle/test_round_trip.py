"""Whole bundles, cleaned: the audit of the result, what the formats' own programs say, and what differs member by member.

Real packages of Debian's and an installer of 300 MB: `make round-trip-test`.
"""

from __future__ import annotations

import hashlib
import io
import random
import re
import secrets
import subprocess
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from bundle.audit import audit
from bundle.clean.run import clean, cleaned
from bundle.detect.credentials.proof import is_random
from bundle.verify_clean.verify import prove
from hardening.demo import specimen
from hardening.errors import ExitCode
from hardening.findings import Run, Severity
from tests.real.bundle.test_clean_debian import CACHE, members
from tests.support.programs import need

REFERENCE = re.compile(rb"@secret:[a-z0-9._-]+@")
SECRET = next(value for value in iter(lambda: "Vq7" + secrets.token_hex(6) + "xQ", "") if is_random(value))
LOGIN = f"<?php\n$link = mysql_connect('localhost', 'engine', '{SECRET}');\n".encode()
SHELL = f"#!/bin/sh\nset -e\nmysql -u root -p{SECRET} aspect < schema.sql\n".encode()


def debian(name: str) -> Path:
    CACHE.mkdir(parents=True, exist_ok=True)
    if not (found := sorted(CACHE.glob(f"{name}_*.deb"))):
        command = ["apt-get", "download", "-q", name]
        subprocess.run(command, cwd=CACHE, capture_output=True, timeout=120, check=False)
        found = sorted(CACHE.glob(f"{name}_*.deb"))
    return found[-1] if found else pytest.skip(f"Debian's package {name} is not to be had")


def changed(run: Run) -> set[str]:
    """The paths that the report says were removed or rewritten."""
    said = {r.reason for r in run.results if r.reason.startswith(("removed ", "replaced by "))}
    removed = {reason.removeprefix("removed ") for reason in said if reason.startswith("removed ")}
    replaced = {
        reason.split(" in ", 1)[1].split(" line ")[0] for reason in said - {f"removed {r}" for r in removed}
    }
    return {path.split("!/")[-1] for path in removed | replaced}


@pytest.mark.parametrize("name", ["phpmyadmin", "wordpress", "tomcat10"])
def test_a_package_differs_in_what_is_reported_alone(name: str, tmp_path: Path) -> None:
    old, new = debian(name), tmp_path / "new.deb"
    after = clean(old, new, lambda p: audit([p], jobs=2))
    said = changed(after)
    folders = tuple(f"./{path}" for path in said if path.endswith("/"))
    before = {str(m[0]): m for m in members(old, "--fsys-tarfile")}
    now = {str(m[0]): m for m in members(new, "--fsys-tarfile")}
    gone = {path for path in before if path not in now}
    assert all(f"{path}/".startswith(folders) or path.removeprefix("./") in said for path in gone)
    other = {path for path in now if now[path] != before[path]}
    assert {path.removeprefix("./") for path in other} <= said
    assert all(now[path][:-1] == before[path][:-1] for path in other)  # content alone
    tree = tmp_path / "tree"
    subprocess.run(["dpkg-deb", "--raw-extract", new, tree], check=True)
    subprocess.run(["md5sum", "--quiet", "--strict", "-c", "DEBIAN/md5sums"], cwd=tree, check=True)
    assert prove(old, new).exit_code() is ExitCode.OK
    left = [f for f in audit([new], jobs=2).findings if f.level >= Severity.MEDIUM]
    assert not [f for f in left if f.fix and f.fix.safe]
    if name != "wordpress":  # its TinyMCE 4.9.11 is upstream's, byte for byte, with what is known against it
        assert not left


def test_what_the_operator_wants_gone_goes_too(tmp_path: Path) -> None:
    old, new = debian("wordpress"), tmp_path / "new.deb"
    embedded = {f"component/{one}" for one in ("tinymce", "jquery-ui", "plupload")}
    made = cleaned(old, new, lambda p: audit([p], jobs=2), remove=embedded)
    assert made.run.exit_code() is ExitCode.OK
    assert audit([new], jobs=2).exit_code() is ExitCode.OK
    assert prove(old, new).exit_code() is ExitCode.OK


def noise(rng: random.Random, size: int) -> bytes:
    block = rng.randbytes(1 << 20)
    return b"".join(block[n % 997 :] + block[: n % 997] for n in range(size >> 20))


def a_tar(rng: random.Random, megabytes: int, form: str) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=f"w:{form}") as archive:  # type: ignore[call-overload]  # a mode that is put together
        for name, data, mode in (
            ("opt/app/data.bin", noise(rng, megabytes << 20), 0o644),
            ("var/www/html/db.php", specimen.tool(SECRET).encode(), 0o644),
            ("var/www/html/login.php", LOGIN, 0o640),
            ("usr/bin/install-db", SHELL, 0o755),
            ("var/www/html/index.php", b"<?php echo 1;\n", 0o644),
        ):
            info = tarfile.TarInfo(name)
            info.size, info.mode, info.mtime = len(data), mode, 1_600_000_000
            archive.addfile(info, io.BytesIO(data))
    return out.getvalue()


@pytest.fixture(scope="module")
def installer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """300 MB: a makeself installer around a zip around tar.gz, tar.xz and a further installer."""
    makeself, folder, rng = need("makeself"), tmp_path_factory.mktemp("installer"), random.Random(300)
    inner = folder / "inner"
    inner.mkdir()
    (inner / "web.tar.xz").write_bytes(a_tar(rng, 8, "xz"))
    (inner / "setup.sh").write_bytes(SHELL)
    (inner / "setup.sh").chmod(0o755)
    command: list[str | Path] = [
        makeself,
        "-q",
        "--sha256",
        inner,
        folder / "inner.run",
        "inner",
        "./setup.sh",
    ]
    subprocess.run(command, check=True, capture_output=True)
    outer = folder / "outer"
    outer.mkdir()
    with zipfile.ZipFile(outer / "payload.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("web.tar.gz", a_tar(rng, 240, "gz"), zipfile.ZIP_STORED)
        archive.write(folder / "inner.run", "tools/inner.run")
        archive.writestr("conf/app.yaml", f"db:\n  user: engine\n  password: {SECRET}\n")
        archive.writestr("data.bin", noise(rng, 52 << 20), zipfile.ZIP_STORED)
    (outer / "setup.sh").write_text("#!/bin/sh\necho installed\n")
    (outer / "setup.sh").chmod(0o755)
    out = folder / "upgrade.run"
    subprocess.run(
        [makeself, "-q", "--sha256", outer, out, "upgrade", "./setup.sh"], check=True, capture_output=True
    )
    assert out.stat().st_size > 290 << 20
    return out


def leaves(path: Path, folder: Path) -> Iterator[tuple[str, str, bytes]]:
    """Every file at every nesting, unpacked by the formats' own programs: path, mode, content's digest or text."""
    todo = [(path, "")]
    while todo:
        one, name = todo.pop()
        target = folder / hashlib.sha256(name.encode()).hexdigest()[:16]
        target.mkdir()
        command: list[str | Path]
        if one.suffix == ".run":
            command = ["sh", one, "--noexec", "--nox11", "--quiet", "--target", target]
        elif one.suffix == ".zip":
            command = ["unzip", "-q", one, "-d", target]
        else:
            command = ["tar", "-xf", one, "-C", target]
        subprocess.run(command, check=True, capture_output=True)
        for file in sorted(p for p in target.rglob("*") if p.is_file()):
            inner = f"{name}!/{file.relative_to(target)}"
            if file.suffix in (".run", ".zip", ".gz", ".xz"):
                todo.append((file, inner))
                continue
            data = file.read_bytes()
            kept = data if len(data) < 1 << 16 else hashlib.sha256(data).digest()
            yield inner, oct(file.stat().st_mode), kept


def test_an_installer_of_300_megabytes(installer: Path, tmp_path: Path) -> None:
    new = tmp_path / "new.run"
    after = clean(installer, new, lambda p: audit([p], jobs=2))
    assert after.exit_code() is ExitCode.OK
    assert audit([new], jobs=2).exit_code() is ExitCode.OK
    checked = subprocess.run(["sh", new, "--check"], check=True, capture_output=True, text=True)
    assert "SHA256 checksums are OK" in checked.stdout + checked.stderr
    ran = subprocess.run(["sh", new, "--nox11", "--quiet"], check=True, capture_output=True, text=True)
    assert "installed" in ran.stdout
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    before = {name: (mode, data) for name, mode, data in leaves(installer, tmp_path / "a")}
    now = {name: (mode, data) for name, mode, data in leaves(new, tmp_path / "b")}
    gone = before.keys() - now.keys()
    assert {name.rsplit("/", 1)[-1] for name in gone} == {"db.php"}
    assert len(gone) == 2
    assert not now.keys() - before.keys()
    other = {name for name in now if now[name] != before[name]}
    assert len(other) == 6
    for name in other:
        (mode, was), (mode_now, text) = before[name], now[name]
        assert mode == mode_now
        quotes = b'"' if name.endswith(".yaml") else b""
        assert (
            REFERENCE.sub(SECRET.encode(), text.replace(quotes + b"@", b"@").replace(b"@" + quotes, b"@"))
            == was
        )
    assert SECRET.encode() not in new.read_bytes()
    proof = prove(installer, new)
    assert proof.exit_code() is ExitCode.OK
    stats = proof.subjects[0].stats
    assert (stats["removed"], stats["replaced"]) == (2, 6)
