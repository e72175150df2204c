"""The demo's upgrade bundle: invented, small, and wrong in the way a real one was.

The database tool in it is a specimen: it carries the marks by which Adminer is recognised, and none of its
code. The passwords are made anew each time.
"""

from __future__ import annotations

import io
import secrets
import tarfile
import zipfile

TOOL = "var/www/html/maintenance/db.php"
"""Where the renamed tool lies in the inner archive."""

_MARKS = (
    "adminer_permanent", "adminer_version", "adminer_import", "adminer_export", "backwardKeysPrint",
    "selectEmailProcess", "rowDescriptions", "referencable_primary", "editingLengthBlur", "selectColumnsPrint",
)  # fmt: skip


def tool(password: str) -> str:
    """Return a PHP page that looks to a detector like a compiled Adminer with a login written into it."""
    functions = "\n".join(f"function {mark}($x) {{ return $x; }}" for mark in _MARKS)
    return f"""<?php
/** Specimen made by harden demo: marks of a compiled database tool, not the tool itself. */
$VERSION = "4.6.2"; session_name("adminer_sid");
{functions}
echo '<a href="https://www.adminer.org/">Adminer</a>';
$link = mysql_connect("localhost", "root", "{password}");
"""


def bundle() -> bytes:
    """Return an upgrade bundle (zip) that holds a tar.gz that holds the tool, among innocent files."""
    web = io.BytesIO()
    with tarfile.open(fileobj=web, mode="w:gz") as archive:
        for name, text, mode in (
            (TOOL, tool(secrets.token_urlsafe(9)), 0o644),
            ("var/www/html/index.php", "<?php require 'app.php';\n", 0o644),
            ("var/www/html/app.php", "<?php\n// the building at a glance\necho date('c');\n", 0o644),
            ("usr/local/bin/engine-restart", "#!/bin/sh\nexec service engine restart\n", 0o755),
        ):
            info = tarfile.TarInfo(name)
            data = text.encode()
            info.size, info.mode, info.mtime = len(data), mode, 1_700_000_000
            archive.addfile(info, io.BytesIO(data))
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in (
            ("README.txt", b"Upgrade 3.07.01 (a specimen)\n"),
            ("install.sh", b"#!/bin/sh\nset -e\ntar -xzf payload/web.tar.gz -C /\n"),
            ("payload/web.tar.gz", web.getvalue()),
        ):
            archive.writestr(zipfile.ZipInfo(name, (2023, 11, 14, 22, 13, 20)), data)
    return out.getvalue()
