"""Learn what a release of makeself writes: `python learn_makeself.py MAKESELF_FOLDER... > makeself.json`.

Each folder holds one release's makeself.sh and makeself-header.sh. Installers are made with many options, and the
digests of their canonical lines are kept, one list for each variant.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from bundle.walk.formats import makeself
from bundle.walk.formats.selfextract import archive_behind
from bundle.walk.source import Memory

OPTIONS: tuple[tuple[str, ...], ...] = (
    (), ("--xz",), ("--bzip2",), ("--nocomp",), ("--base64",), ("--zstd",), ("--notemp",), ("--current",), ("--nox11",),
    ("--target", "/opt/thing"), ("--needroot",), ("--nowait",), ("--nomd5",), ("--nocrc",), ("--sha256",), ("--keep-umask",),
    ("--nooverwrite",), ("--noprogress",), ("--copy",), ("--export-conf",), ("--complevel", "6"), ("--chown",),
    ("--license", "LICENSE"), ("--help-header", "LICENSE"), ("--ssl-encrypt", "--ssl-passwd", "x"), ("--gzip", "--follow"),
    ("--packaging-date", "today"), ("--untar-extra", "--no-same-owner"), ("--cleanup", "./clean.sh"),
)  # fmt: skip


def script_of(path: Path) -> bytes | None:
    data = path.read_bytes()
    found = archive_behind(Memory(data))
    if found is None:
        at = data.find(b"Salted__")
        return data[:at] if at > 0 else None
    return data[: found.start]


def make(program: list[str], options: tuple[str, ...], work: Path) -> bytes | None:
    payload, out = work / "payload", work / "out.run"
    payload.mkdir(exist_ok=True)
    (payload / "setup.sh").write_text("#!/bin/sh\necho hi\n")
    (payload / "setup.sh").chmod(0o755)
    (work / "LICENSE").write_text('one line\nand "another" one\n')
    out.unlink(missing_ok=True)
    made = subprocess.run(
        [*program, *options, str(payload), str(out), "A label", "./setup.sh", "arg"],
        check=False, cwd=work, capture_output=True, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    return script_of(out) if made.returncode == 0 and out.exists() else None


def main() -> None:
    versions: dict[str, list[list[str]]] = {}
    for folder in sys.argv[1:]:
        program = [folder] if Path(folder).is_file() else ["sh", f"{folder}/makeself.sh"]
        for options in OPTIONS:
            with tempfile.TemporaryDirectory() as work:
                script = make(program, options, Path(work))
            if script is None:
                sys.stderr.write(f"{folder}: {' '.join(options)}: not made\n")
                continue
            lines, _, _ = makeself.canonical(script.rstrip(b"\n"))
            variants = versions.setdefault(makeself.version(script), [])
            digests = [makeself.digest(line) for line in lines]
            if digests not in variants:
                variants.append(digests)
                sys.stderr.write(f"{folder}: {' '.join(options)}: a variant\n")
    json.dump({"source": "installers made with each release of makeself", "versions": versions}, sys.stdout)


if __name__ == "__main__":
    main()
