"""A proof holds for what cleaning made, and for nothing that was changed on top of it."""

from __future__ import annotations

import gzip
import io
import lzma
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import pytest

from bundle.rewrite import TextEdit, rewrite
from bundle.verify_clean.tree import tree
from bundle.verify_clean.verify import prove
from bundle.walk.limits import WalkLimits
from bundle.walk.member import WINDOW
from hardening.cli import run
from hardening.demo import specimen
from hardening.errors import ExitCode, InputError

Files = dict[str, tuple[bytes, int]]
WEB: Files = {
    "www/app.php": (b"<?php echo 1;\n", 0o644),
    "www/tool.php": (b"<?php echo 2;\n", 0o644),
    "bin/run": (b"#!/bin/sh\n", 0o755),
}


def web(files: Files, form: str = "gz") -> bytes:
    """The files as a tar, packed: without the time of packing, so that the same files are the same bytes."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, (data, mode) in files.items():
            info = tarfile.TarInfo(name)
            info.size, info.mode, info.mtime = len(data), mode, 1_600_000_000
            archive.addfile(info, io.BytesIO(data))
    return gzip.compress(out.getvalue(), mtime=0) if form == "gz" else lzma.compress(out.getvalue())


def outer(path: Path, inner: bytes, *, name: str = "payload/web.tar.gz", **more: bytes) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for member, data in {"README": b"release 3.07.01\n", name: inner, **more}.items():
            archive.writestr(zipfile.ZipInfo(member), data)
    return path


@pytest.fixture
def old(tmp_path: Path) -> Path:
    return outer(tmp_path / "old.zip", web(WEB))


def cleaned(old: Path, *edits: TextEdit) -> Path:
    new = old.with_name("new.zip")
    with old.open("rb") as source, new.open("w+b") as target:
        rewrite(source, target, edits)
    return new


def differences(old: Path, new: Path) -> list[str]:
    made = prove(old, new)
    said = [f.message for f in made.findings if f.rule.id == "prove/difference"]
    assert made.exit_code() is (ExitCode.REFUSED if said else ExitCode.OK)
    return said


TOOL = TextEdit(("payload/web.tar.gz", "www/tool.php"))


def test_what_was_removed_is_listed(old: Path) -> None:
    made = prove(old, cleaned(old, TOOL, TextEdit(("README",))))
    assert made.exit_code() is ExitCode.OK
    assert [f.message for f in made.findings] == [
        "removed README",
        "removed payload/web.tar.gz!/www/tool.php",
    ]


def test_an_archive_that_goes_is_one_removal(old: Path) -> None:
    made = prove(old, cleaned(old, TextEdit(("payload/web.tar.gz",))))
    assert [f.message for f in made.findings] == ["removed payload/web.tar.gz with 3 members in it"]


def test_the_same_bundle_verify_cleans_with_nothing_removed(old: Path) -> None:
    made = prove(old, old)
    assert made.exit_code() is ExitCode.OK
    assert not made.findings


LESS = {k: v for k, v in WEB.items() if k != "www/tool.php"}


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({**LESS, "www/app.php": (b"<?php evil();", 0o644)}, "www/app.php was changed: its content differs"),
        ({**LESS, "bin/run": (b"#!/bin/sh\n", 0o4755)}, "bin/run was changed: its mode differs (0755 to 4755)"),
        ({**LESS, "www/new.php": (b"<?php", 0o644)}, "www/new.php was added"),
        (dict(reversed(LESS.items())), "www/app.php was moved or repeated"),
    ],
)  # fmt: skip
def test_everything_else_is_named(old: Path, files: Files, said: str) -> None:
    new = outer(old.with_name("new.zip"), web(files))
    assert differences(old, new) == [f"payload/web.tar.gz!/{said}"]


def test_another_compression_is_a_difference(old: Path) -> None:
    new = outer(old.with_name("new.zip"), web(LESS, "xz"))
    assert "its format differs (gzip to xz)" in " ".join(differences(old, new))


def test_other_bytes_with_the_same_members_are_a_difference(old: Path) -> None:
    new = outer(old.with_name("new.zip"), web(WEB))
    plain = new.read_bytes()
    new.write_bytes(plain + bytes(16))
    assert differences(old, new) == ["new.zip has other bytes though no member in it is gone"]
    new.write_bytes(plain)
    with zipfile.ZipFile(new, "a") as archive:
        archive.comment = b"hello"
    assert differences(old, new) == ["<comment> was added"]


def test_data_hidden_behind_the_members_is_a_difference(old: Path) -> None:
    new = cleaned(old, TOOL)
    new.write_bytes(new.read_bytes() + b"#!/bin/sh\necho hidden\n" * 9)
    assert differences(old, new)


@pytest.mark.parametrize("data", [specimen.bundle()[:500], b"", b"text" * 9])
def test_what_cannot_be_read_is_not_proved(old: Path, data: bytes) -> None:
    new = old.with_name("new.zip")
    new.write_bytes(data)
    assert differences(old, new)


def test_by_command(old: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    new = cleaned(old, TOOL)
    assert run(["bundle", "verify-clean", str(old), str(new)]) == ExitCode.OK
    assert b"removed payload/web.tar.gz!/www/tool.php" in capfdbinary.readouterr().out
    assert run(["bundle", "verify-clean", str(new), str(old)]) == ExitCode.REFUSED
    assert b"www/tool.php was added" in capfdbinary.readouterr().out


def test_absent_bundles(old: Path) -> None:
    for pair in ((old, old.with_name("absent")), (old.parent, old)):
        with pytest.raises(InputError):
            prove(*pair)


def test_of_two_equal_names_the_first_may_go(tmp_path: Path) -> None:
    def twice(path: Path, *bodies: bytes) -> Path:
        out = io.BytesIO()
        with tarfile.open(fileobj=out, mode="w") as archive:
            for body in bodies:
                info = tarfile.TarInfo("same")
                info.size = len(body)
                archive.addfile(info, io.BytesIO(body))
        path.write_bytes(out.getvalue())
        return path

    old = twice(tmp_path / "a.tar", b"one", b"two")
    arguments: tuple[Any, ...] = (old, twice(tmp_path / "b.tar", b"two"))
    assert differences(*arguments) == []
    assert differences(old, twice(tmp_path / "c.tar", b"two", b"one"))


LINE = b"a = connect('@secret:kept@', 'root', 's3cret-Pw')\nb = 2\n"


@pytest.mark.parametrize(
    ("now", "said"),
    [
        (LINE.replace(b"s3cret-Pw", b"@secret:db-root@"), []),
        (
            LINE.replace(b"s3cret-Pw", b"@secret:db-root@").replace(b"root'", b"evil'"),
            ["its content differs"],
        ),
        (LINE.replace(b"s3cret-Pw", b"@secret:db-root@") + b"system('x')\n", ["its content differs"]),
        (LINE.replace(b"s3cret-Pw", b"@secret:DB root@"), ["its content differs"]),
        (LINE.replace(b"b = 2\n", b"b = @secret:db@\nc = 3\n"), ["its content differs"]),
        (LINE.replace(b"s3cret-Pw", b"other"), ["its content differs"]),
    ],
)
def test_a_literal_may_give_way_to_a_reference_and_nothing_else_may_change(
    tmp_path: Path, now: bytes, said: list[str]
) -> None:
    old = outer(tmp_path / "old.zip", web({"www/a.php": (LINE, 0o644)}))
    new = outer(tmp_path / "new.zip", web({"www/a.php": (now, 0o644)}))
    found = differences(old, new)
    assert [word for word in said if word in "".join(found)] == said
    assert bool(found) is bool(said)
    if not said:
        replaced = [f for f in prove(old, new).findings if f.rule.id == "prove/replaced"]
        assert [f.evidence for f in replaced] == ["@secret:db-root@"]


def cpio(*files: tuple[str, int, int, bytes]) -> bytes:
    """A cpio of files: name, inode, count of names, content."""
    out = b""
    for name, inode, links, data in (*files, ("TRAILER!!!", 0, 1, b"")):
        fields = (inode, 0o100644, 0, 0, links, 0, len(data), 0, 0, 0, 0, len(name) + 1, 0)
        out += b"070701" + b"".join(b"%08x" % n for n in fields) + name.encode() + b"\0"
        out += b"\0" * (-len(out) % 4) + data + b"\0" * (-len(data) % 4)
    return out


def test_names_of_one_file_in_a_cpio_stay_names_of_one_file(tmp_path: Path) -> None:
    """Which names share a content stands in a cpio's headers alone, and decides what an installation writes."""
    three = [
        ("a", 7, 3, b""),
        ("b", 7, 3, b""),
        ("c", 7, 3, b"program"),
        ("d", 8, 1, b"other"),
        ("tool", 9, 1, b"x"),
    ]
    old = outer(tmp_path / "old.zip", cpio(*three), name="a.cpio")
    fewer = cleaned(old, TextEdit(("a.cpio", "a")), TextEdit(("a.cpio", "tool")))
    assert not differences(old, fewer)
    apart = [*three[:3], ("d", 7, 4, b"other")]
    into = outer(tmp_path / "into.zip", cpio(*apart), name="a.cpio")
    assert differences(old, into) == ["a.cpio!/d is another hard link than it was"]
    lost = [("a", 7, 3, b""), ("b", 17, 1, b""), ("c", 7, 3, b"program"), three[3]]
    assert differences(old, outer(tmp_path / "lost.zip", cpio(*lost), name="a.cpio")) == [
        "a.cpio!/b is another hard link than it was"
    ]


@pytest.mark.parametrize("form", ["gz", "xz"])
def test_a_file_that_is_packed_alone_is_proved_whatever_the_result_is_called(
    tmp_path: Path, form: str
) -> None:
    """Its content is called after the packed file: `clean app.conf.gz -o clean.conf.gz` gives it another name."""
    pack = gzip.compress if form == "gz" else lzma.compress
    path, out = tmp_path / f"app.conf.{form}", tmp_path / f"clean.conf.{form}"
    path.write_bytes(pack(b"user=aspect\npassword=Kq7xvZ9tRw2m\nport=1\n"))
    assert run(["bundle", "clean", str(path), "-o", str(out)]) == ExitCode.OK
    made = prove(path, out)
    assert made.exit_code() is ExitCode.OK
    assert [f.rule.id for f in made.findings] == ["prove/replaced"]
    out.write_bytes(pack(b"user=aspect\npassword=@secret:password@\nport=2\n"))
    assert prove(path, out).exit_code() is ExitCode.REFUSED


def test_a_renamed_member_of_a_packed_tar_is_no_content_of_a_stream(tmp_path: Path) -> None:
    path, out = tmp_path / "old.tar.gz", tmp_path / "new.tar.gz"
    path.write_bytes(web({"old.tar": (b"it is no tar\n", 0o644)}))
    out.write_bytes(web({"new.tar": (b"it is no tar\n", 0o644)}))
    assert prove(path, out).exit_code() is ExitCode.REFUSED


CAPABLE = {"SCHILY.xattr.security.capability": "\x01"}


def lying(path: Path, *, pax: dict[str, str] | None = None, wide: dict[str, str] | None = None, **facts: Any) -> Path:  # fmt: skip
    """A tar of a program and a device; what is given is the program's, or the device's, or of every member."""
    with tarfile.open(path, "w", format=tarfile.PAX_FORMAT, pax_headers=wide or {}) as archive:
        program = tarfile.TarInfo("bin/run")
        program.size, program.mode, program.pax_headers = 2, 0o755, pax or {}
        archive.addfile(program, io.BytesIO(b"#!"))
        device = tarfile.TarInfo("dev/null")
        device.type, device.devmajor, device.devminor = tarfile.CHRTYPE, 1, 3
        for name, value in facts.items():
            setattr(device, name, value)
        archive.addfile(device)
        archive.addfile(tarfile.TarInfo("tool"), None)
    return path


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"pax": CAPABLE}, "bin/run was changed: its further header differs"),
        ({"pax": {"SCHILY.acl.access": "user::rwx,other::rwx"}}, "bin/run was changed: its further header differs"),
        ({"wide": CAPABLE}, "bin/run was changed: its further header differs"),
        ({"devminor": 9}, "dev/null was changed: its further header differs"),
        ({"type": tarfile.BLKTYPE}, "dev/null was changed: its further header differs"),
    ],
)  # fmt: skip
def test_what_a_tar_says_beside_the_usual_is_compared(
    tmp_path: Path, changed: dict[str, Any], said: str
) -> None:
    """A capability makes a program of root's of any other; it stands in a header that few look at."""
    old = lying(tmp_path / "old.tar")
    assert not differences(old, cleaned(old, TextEdit(("tool",))))
    assert differences(old, lying(tmp_path / "lie.tar", **changed))[0].startswith(said)
    kept = lying(tmp_path / "kept.tar", **changed)
    assert not differences(kept, cleaned(kept, TextEdit(("tool",))))


@pytest.mark.parametrize("field", [b"ux\x0b\0\1\4\0\0\0\0\4\0\0\0\0", b"UT\5\0\1\5\0\0\0", b"odd"])
def test_the_further_fields_of_a_zip_are_compared(tmp_path: Path, field: bytes) -> None:
    """`unzip -X` gives files to the owner that such a field names."""

    def packed(name: str, extra: bytes) -> Path:
        with zipfile.ZipFile(tmp_path / name, "w") as archive:
            info = zipfile.ZipInfo("bin/run")
            info.extra = extra
            archive.writestr(info, b"#!")
            archive.writestr(zipfile.ZipInfo("tool"), b"x")
        return tmp_path / name

    old = packed("old.zip", b"")
    assert differences(old, packed("lie.zip", field)) == [
        f"bin/run was changed: its further header differs (none to {2 + 2 * len(field)} bytes)"
    ]
    kept = packed("kept.zip", field)
    assert not differences(kept, cleaned(kept, TextEdit(("tool",))))


def test_a_zip_with_wide_sizes_is_proved_though_they_are_written_anew(tmp_path: Path) -> None:
    old = tmp_path / "old.zip"
    with zipfile.ZipFile(old, "w") as archive:
        for name in ("tool", "bin/run"):
            with archive.open(zipfile.ZipInfo(name), "w", force_zip64=True) as out:
                out.write(b"#!")
    assert not differences(old, cleaned(old, TextEdit(("tool",))))


def test_devices_of_a_cpio_are_compared(tmp_path: Path) -> None:
    plain = cpio(("dev", 7, 1, b""), ("tool", 8, 1, b"x")).replace(b"000081a4", b"000021a4", 1)
    other = plain[:78] + b"%08x" % 9 + plain[86:]
    old, lie = (outer(tmp_path / f"{n}.zip", d, name="a.cpio") for n, d in (("old", plain), ("lie", other)))
    assert not differences(old, cleaned(old, TextEdit(("a.cpio", "tool"))))
    assert differences(old, lie)[0].startswith("a.cpio!/dev was changed: its further header differs")


def test_a_large_file_that_was_changed_is_named(tmp_path: Path) -> None:
    """Of files over a window the contents are not at hand; they were taken for equal, and the proof broke off."""
    content = bytearray(WINDOW + 100)
    old = outer(tmp_path / "old.zip", bytes(content), name="disk.img")
    content[-1] = 1
    new = outer(tmp_path / "new.zip", bytes(content), name="disk.img")
    assert differences(old, new) == ["disk.img was changed: its content differs"]


UNDECODED = b"<?php eval(gzinflate(base64_decode('" + b"Ab3d" * 1200 + b"')));\n"
"""A program whose text nobody could decode: it was not examined to its end."""


def test_what_was_not_read_proves_when_it_went_as_a_whole_or_kept_its_bytes(tmp_path: Path) -> None:
    files = WEB | {"www/odd.php": (UNDECODED, 0o644)}
    old = outer(tmp_path / "old.zip", web(files))
    assert [one.reason for one in tree(old, None).unread] == ["unsupported"]
    assert differences(old, cleaned(old, TextEdit(("payload/web.tar.gz", "www/odd.php")))) == []
    (tmp_path / "new.zip").unlink()
    assert differences(old, cleaned(old, TOOL)) == []
    (tmp_path / "new.zip").unlink()
    new = outer(
        tmp_path / "new.zip", web(files | {"www/odd.php": (UNDECODED.replace(b"Ab3d'", b"Ab3e'"), 0o644)})
    )
    assert any("could not be read in full" in one for one in differences(old, new))


def test_the_same_bytes_prove_whatever_was_not_read(tmp_path: Path) -> None:
    old = outer(tmp_path / "old.zip", web(WEB))
    new = tmp_path / "new.zip"
    new.write_bytes(old.read_bytes())
    assert prove(old, new, limits=WalkLimits(depth=1)).exit_code() is ExitCode.OK
    outer(tmp_path / "other.zip", web(WEB | {"a": (b"b", 0o644)}))
    assert prove(old, tmp_path / "other.zip", limits=WalkLimits(depth=1)).exit_code() is ExitCode.REFUSED
