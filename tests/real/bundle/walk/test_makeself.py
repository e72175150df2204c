"""A makeself script that was touched is said, whatever makeself's own checks say; an untouched one is not."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from bundle import audit
from tests.support.bundle.walk import learn_makeself
from tests.support.programs import need


def installer(tmp_path: Path, *options: str) -> Path:
    program = need("makeself")
    payload = tmp_path / "payload"
    payload.mkdir()
    (payload / "setup.sh").write_text("#!/bin/sh\necho hi\n")
    (payload / "setup.sh").chmod(0o755)
    out = tmp_path / "out.run"
    subprocess.run(
        [program, "-q", *options, payload, out, "A label", "./setup.sh"], check=True, capture_output=True
    )
    return out


def rules(path: Path) -> set[str]:
    return {finding.rule.id for finding in audit(path, detectors=(), jobs=1).findings}


@pytest.mark.parametrize("options", learn_makeself.OPTIONS[:12], ids=" ".join)
def test_untouched_installer_is_clean(options: tuple[str, ...], tmp_path: Path) -> None:
    assert not rules(installer(tmp_path, *options))


TOUCHES: dict[str, Callable[[bytes], bytes]] = {
    "line added": lambda s: s.replace(b"TMPROOT=", b"touch /tmp/evil #", 1),
    "line changed": lambda s: s.replace(b"umask 077", b"umask 000", 1),
    "check removed": lambda s: s.replace(b'\t\t\tif test x"$md5sum" != x"$md5"', b'\t\t\tif test x"$md5" != x"$md5"', 1)
    if b'\t\t\tif test x"$md5sum" != x"$md5"' in s
    else s.replace(b"MS_Check()\n{", b"MS_Check()\n{ return 0", 1),
    "command in a value": lambda s: s.replace(b'label="A label"', b'label="`curl a`"', 1),
    "command behind a value": lambda s: s.replace(b'keep="n"', b'keep="n";w', 1),
    "other unpacker": lambda s: s.replace(b'eval "gzip -cd"', b'eval "gzip|sh;:"', 1),
    "other decryption": lambda s: s.replace(b'decrypt_cmd=""', b'decrypt_cmd="w"', 1),
}  # fmt: skip


@pytest.mark.parametrize("touch", TOUCHES)
def test_touched_script_is_said(touch: str, tmp_path: Path) -> None:
    path = installer(tmp_path)
    data = path.read_bytes()
    script = learn_makeself.script_of(path)
    assert script is not None
    changed = TOUCHES[touch](script)
    assert changed != script
    added = changed.count(b"\n") - script.count(b"\n")
    assert added == 0  # the offset stays a number of lines
    path.write_bytes(changed + data[len(script) :])
    assert "walk/makeself-header" in rules(path)


def test_unknown_version_is_said(tmp_path: Path) -> None:
    path = installer(tmp_path)
    path.write_bytes(path.read_bytes().replace(b"using Makeself 2.", b"using Makeself 9.", 1))
    assert rules(path) == {"walk/makeself-unknown"}


def test_installer_is_never_run(tmp_path: Path) -> None:
    path = installer(tmp_path)
    script = learn_makeself.script_of(path)
    assert script is not None
    mark = tmp_path / "ran"
    data = path.read_bytes()
    path.write_bytes(b"#!/bin/sh\ntouch " + bytes(mark) + b"\n" + data[10:])
    path.chmod(0o755)
    audit(path, detectors=(), jobs=1)
    assert not mark.exists()
    assert shutil.which("sh")
