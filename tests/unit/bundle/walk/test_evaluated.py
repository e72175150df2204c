"""PHP that evaluates encoded text: it is decoded and examined, or said not to be; it is never passed over."""

from __future__ import annotations

import base64
import codecs
import random
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from bundle import audit
from hardening.errors import ExitCode
from hardening.findings import Run, Severity

TOOL = b"""<?php session_name("adminer_sid"); $n = array("selectColumnsPrint", "adminer_permanent", "adminer_version",
"adminer_import", "adminer_export", "backwardKeysPrint", "selectEmailProcess"); $VERSION = "4.5.0"; echo $_GET["q"]; ?>
"""
HIGH = bytes(range(128, 256)) * 2
NOISE = random.Random(1).randbytes(30_000).replace(b"*/", b"--")
BODIES = {
    "plain": TOOL,
    "high bytes behind": TOOL + b"/*" + HIGH + b"*/",
    "high bytes before": b"<?php /*" + HIGH * 40 + b"*/ ?>" + TOOL,
    "control bytes before": b"<?php /*" + bytes(range(9)) * 900 + b"*/ ?>" + TOOL,
    "noise before": b"<?php /*" + NOISE + b"*/ ?>" + TOOL,
}


def deflated(data: bytes) -> bytes:
    """Return what gzinflate reads."""
    made = zlib.compressobj(9, zlib.DEFLATED, -15)
    return made.compress(data) + made.flush()


def letters(data: bytes) -> bytes:
    """Return data deflated and in Base64, with what ends the code of eval in front."""
    return base64.b64encode(deflated(b"?>" + data))


def _mixed(data: bytes) -> bytes:
    return bytes(byte ^ b"key"[at % 3] for at, byte in enumerate(data))


FOLLOWED: dict[str, Callable[[bytes], bytes]] = {
    "names": lambda b: b"<?php eval(gzinflate(base64_decode('%b')));" % letters(b),
    "pieces": lambda b: b"<?php $f='base'.'64_de'.'code';$z='gzin'.'flate';eval($z($f('%b')));" % letters(b),
    "reversed": lambda b: (
        b"<?php $f=strrev('edoced_46esab');$z=str_rot13('tmvasyngr');$a='as'.'sert';$a($z($f('%b')));"
        % letters(b)
    ),
    "escapes": lambda b: (
        b"<?php $f=chr(98).'ase64_decode';$z=\"\\x67zinflate\";eval($z($f('%b')));" % letters(b)
    ),
    "hex": lambda b: b"<?php $h='hex'.'2bin';eval($h('%b'));" % (b"?>" + b).hex().encode(),
    "picture": lambda b: b"GIF89a;<?php $f='base'.'64_decode';eval(gzinflate($f('%b')));" % letters(b),
    "function": lambda b: (
        b"<?php $c='create_'.'function';$g=$c('',gzinflate(base64_decode('%b')));$g();" % letters(b)
    ),
    "numbers": lambda b: (
        b"<?php $s='';foreach(array(%b) as $c)$s.=chr($c);eval($s);" % b",".join(b"%d" % c for c in b"?>" + b)
    ),
    "bytes": lambda b: (
        b"<?php eval(gzinflate('%b'));" % deflated(b"?>" + b).replace(b"\\", b"\\\\").replace(b"'", b"\\'")
    ),
}
REFUSED: dict[str, Callable[[bytes], bytes]] = {
    "mixed": lambda b: (
        b"<?php $d=base64_decode('%b');for($i=0;$i<strlen($d);$i++)$d[$i]=$d[$i]^$k[$i%%3];eval('?>'.$d);"
        % base64.b64encode(_mixed(b))
    ),
    "other letters": lambda b: (
        b"<?php eval(base64_decode(strtr('%b','abAB','ABab')));" % base64.b64encode(b).swapcase()
    ),
    "behind the code": lambda b: (
        b"<?php eval(f(substr(file_get_contents(__FILE__),__COMPILER_HALT_OFFSET__)));__halt_compiler();"
        + _mixed(b)
    ),
    "numbers": lambda b: (
        b"<?php $s='';foreach(array(%b) as $c)$s.=chr($c^7);eval($s);" % b",".join(b"%d" % (c ^ 7) for c in b)
    ),
    "inside": lambda b: FOLLOWED["pieces"](REFUSED["mixed"](b)),
}


def audited(folder: Path, content: bytes) -> Run:
    """Audit one page."""
    (folder / "page.php").write_bytes(content)
    return audit(folder / "page.php", jobs=1)


def found(run: Run) -> bool:
    """Return whether the database tool was found."""
    return any(finding.rule.id == "component/adminer" for finding in run.findings)


@pytest.mark.parametrize("body", BODIES)
def test_binary_bytes_hide_no_page(tmp_path: Path, body: str) -> None:
    assert found(audited(tmp_path, BODIES[body]))


@pytest.mark.parametrize("body", BODIES)
@pytest.mark.parametrize("wrap", FOLLOWED)
def test_what_is_evaluated_is_found_however_its_decoder_is_named(
    tmp_path: Path, wrap: str, body: str
) -> None:
    if wrap == "bytes" and body == "plain":
        pytest.skip("too short to count as encoded")
    assert found(audited(tmp_path, FOLLOWED[wrap](BODIES[body])))


@pytest.mark.parametrize("wrap", REFUSED)
def test_what_nothing_decodes_is_said_not_to_be_examined(tmp_path: Path, wrap: str) -> None:
    run = audited(tmp_path, REFUSED[wrap](BODIES["high bytes behind"]))
    assert run.exit_code(Severity.MEDIUM) is ExitCode.PARTLY_EXAMINED
    assert any("could not be decoded" in finding.message for finding in run.findings)


HARMLESS = {
    "a picture": b"<?php eval($code); $icon = '%b';"
    % base64.b64encode(b"\x89PNG\r\n\x1a\n" + random.Random(2).randbytes(400)),
    "a table of primes": b"<?php $f = 'sqrt'; $f(2); $p = [%b];"
    % b", ".join(b"%d" % n for n in range(2, 400)),
    "a key that nothing evaluates": b"<?php $key = '%b';" % base64.b64encode(random.Random(3).randbytes(400)),
    "words": b"<?php eval('return 1;'); $t = '%b';" % (b"these are words of a sentence. " * 20),
    "a comment": b"<?php eval('return 1;'); /* %b */" % base64.b64encode(random.Random(4).randbytes(400)),
    "turned words": b"<?php eval('return 1;'); $t = '%b';"
    % codecs.encode("these are words. " * 20, "rot13").encode(),
}


@pytest.mark.parametrize("page", HARMLESS)
def test_ordinary_pages_are_examined(tmp_path: Path, page: str) -> None:
    run = audited(tmp_path, HARMLESS[page])
    assert not [finding.message for finding in run.findings if finding.rule.id.startswith("walk/")]
    assert {subject.examined for subject in run.subjects} == {"full"}
