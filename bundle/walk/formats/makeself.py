"""makeself's own script, compared with what its version writes.

makeself's checksum and signature cover the payload alone, so a line put into the script runs as root and every
check of makeself's still passes. Here the script is brought into a canonical form (what differs between two honest
installers is taken out), and its lines are compared with the digests of what each release writes.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from difflib import SequenceMatcher
from functools import cache
from pathlib import Path

from bundle.walk.formats.raw import Note

LINES = Path(__file__).with_name("makeself.json")
"""Digests of the canonical lines, per version one list for each variant that is known to be pristine."""

_VERSION = re.compile(rb"generated using Makeself (\d[\w.]*)")
_LONG = re.compile(rb'^(licensetxt|helpheader)="(.*?)(?<!\\)"$', re.MULTILINE | re.DOTALL)
_VARIABLES = (
    b"CRCsum MD5 SHA SIGNATURE label script scriptargs cleanup_script licensetxt helpheader preextract targetdir filesizes totalsize keep "
    b"nooverwrite export_conf decrypt_cmd skip noprogress nox11 copy ownership verify_sig quiet"
).split()
_ASSIGNED = re.compile(rb"^(%b)=(.*)$" % b"|".join(_VARIABLES))
_ECHOED = re.compile(
    rb"^(\s*echo (?:Uncompressed size|Compression|Encryption|Date of packaging|Built with Makeself version):?) [^;&|`$<>]*$"
)
_DUMPED = re.compile(
    rb"^(\s*echo (?:archdirname|KEEP|NOOVERWRITE|COMPRESS|OLDUSIZE|OLDSKIP|filesizes|totalsize)=)[^`$]*$"
)
_UNPACKER = re.compile(
    rb'eval "(?:(?:gzip|gunzip|unpigz|bzip2|lbzip2|pbunzip2|pbzip2|xz|lzop|lz4|zstd|unzstd|base64|uncompress|cat'
    rb'|openssl|gpg)(?: [\w./=:-]+)*|exec 2>&-; uncompress -c \|\| test \\\$\? -eq 2 \|\| gzip -cd)"'
)
_NUMBER = re.compile(rb"(?<![\w$])\d+(?= KB)|(?<=head -n )\d+|(?<=-lt )\d+(?=;)")
_CHOSEN = re.compile(rb'(test x?)"[\w./:-]*"( = x?)')
_EXTRA = re.compile(rb"(tar \$1v?f -)(?: [\w./=-]+)*?( 2>&1)")
_RUN = re.compile(rb"`|\$\(")
_WORD = re.compile(rb"[\w.:/-]*")
_QUOTED = re.compile(rb'"[^"]*"\s*')
_DECRYPTS = re.compile(rb'"(?:(?:openssl|gpg)(?: [\w./=:@-]+)*)?"\s*')
_COMMAND = re.compile(rb'echo Build command was: "(?:[^"\\`$]|\\.)*"', re.DOTALL)
_LSM = re.compile(rb"^cat << EOLSM\n(?:[^`$\n]*\n)*?EOLSM$", re.MULTILINE)


def version(script: bytes) -> str:
    """Return the version a makeself script says it is of; empty where it says none."""
    match = _VERSION.search(script)
    return match.group(1).decode() if match else ""


def canonical(script: bytes) -> tuple[list[bytes], list[int], list[int]]:
    """Return the lines without what differs honestly, their numbers, and the numbers of values that run commands."""
    text = _LONG.sub(lambda m: m.group(1) + b'=""' + _empty(m), script)
    text = _COMMAND.sub(lambda m: b"echo Build command was" + _empty(m), text)
    text = _LSM.sub(lambda m: b"cat << EOLSM" + _empty(m), text)
    lines: list[bytes] = []
    numbers: list[int] = []
    long = _long_runs(script)
    running = [script.count(b"\n", 0, long) + 1] if long else []
    for number, line in enumerate(text.split(b"\n"), 1):
        if not line.strip():
            continue
        assigned = _ASSIGNED.match(line)
        plain = line if assigned is None else assigned.group(1) + b"="
        if assigned is not None and _runs(*assigned.groups()):
            running.append(number)
        lines.append(b" ".join(_without_choices(plain).split()))
        numbers.append(number)
    return lines, numbers, running


def _empty(match: re.Match[bytes]) -> bytes:
    """Return as many line ends as the match had, so that line numbers stay."""
    return b"\n" * match.group().count(b"\n")


def _without_choices(line: bytes) -> bytes:
    """Take out of a line what the options of makeself decide."""
    line = _ECHOED.sub(rb"\1", line)
    line = _DUMPED.sub(rb"\1", line)
    line = _UNPACKER.sub(b'eval ""', line)
    line = _CHOSEN.sub(rb'\1""\2', line)
    line = _EXTRA.sub(rb"\1\2", line)
    return _NUMBER.sub(b"0", line)


def _runs(name: bytes, value: bytes) -> bool:
    """Whether the shell would run something inside this value, or behind it."""
    if name == b"decrypt_cmd":
        return _DECRYPTS.fullmatch(value) is None
    if not value.startswith(b'"'):
        return _WORD.fullmatch(value) is None
    plain = value.replace(b"\\`", b"").replace(b"\\$", b"").replace(b'\\"', b"")
    return _RUN.search(plain) is not None or _QUOTED.fullmatch(plain) is None


def _long_runs(script: bytes) -> int:
    for match in _LONG.finditer(script):
        if _RUN.search(match.group(2).replace(b"\\`", b"").replace(b"\\$", b"")):
            return match.start() + 1
    return 0


def digest(line: bytes) -> str:
    """Return the digest by which a line is known."""
    return hashlib.sha256(line).hexdigest()[:8]


@cache
def _known() -> dict[str, list[list[str]]]:
    found: dict[str, list[list[str]]] = json.loads(LINES.read_text())["versions"]
    return found


def differences(script: bytes) -> Iterator[Note]:
    """Say where the script is not the one this version of makeself writes."""
    stated = version(script)
    variants = _known().get(stated)
    if not variants:
        yield Note(
            "makeself-unknown",
            f"is of makeself {stated or 'of no stated version'}, whose script is not known here",
        )
        return
    lines, numbers, running = canonical(script.rstrip(b"\n"))
    mine = [digest(line) for line in lines]
    added, missing = min(
        (_compared(mine, theirs) for theirs in variants), key=lambda pair: len(pair[0]) + pair[1]
    )
    if running:
        yield Note("makeself-header", f"runs a command inside the value on line {running[0]} of its script")
    if added or missing:
        places = ", ".join(str(numbers[at]) for at in added[:5])
        first = f"{len(added)} lines are not those of makeself {stated} (line {places})" if added else ""
        second = f"{missing} lines of makeself {stated} are missing" if missing else ""
        yield Note(
            "makeself-header",
            "has a changed script: " + " and ".join(word for word in (first, second) if word),
        )


def _compared(mine: list[str], theirs: list[str]) -> tuple[list[int], int]:
    """Return the indices of lines that were added or changed, and how many are missing."""
    if mine == theirs:
        return [], 0
    added: list[int] = []
    missing = 0
    for tag, i1, i2, j1, j2 in SequenceMatcher(None, theirs, mine, autojunk=False).get_opcodes():
        if tag != "equal":
            added.extend(range(j1, j2))
            missing += max(0, (i2 - i1) - (j2 - j1))
    return added, missing
