"""The demo's install package: small, laid out as the advisories describe one, with invented secrets.

CVE-2024-4007 and ZSL-2024-5830 describe phpMyAdmin 2.11.9 with the password of the database's root, in a package of
release 3.07.01. The tools in it are specimens: they carry the marks by which phpMyAdmin and Adminer are recognised, and
none of their code. Every run draws its own passwords.
"""

from __future__ import annotations

import io
import secrets
import tarfile
import zipfile
from pathlib import Path

TOOL = "var/www/html/maintenance/db.php"
"""Where the renamed tool lies in the inner archive."""
PMA = "max/var/www/html/phpMyAdmin"
REMOVED = (f"{PMA}/config.inc.php", f"{PMA}/libraries/Config.class.php", TOOL)
"""What cleaning takes out of the inner archive, sorted."""
WEB = "max/home/MIX_CMIX/htmlroot"

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


def _package() -> dict[str, str]:
    """Return the files that the advisories describe, by path."""
    return {
        f"{PMA}/libraries/Config.class.php": """<?php
/** Specimen made by harden demo: marks of phpMyAdmin, not the program itself. */
class PMA_Config {
    function checkSystem() {
        $this->set('PMA_VERSION', '2.11.9');
        $this->checkWebServerOs();
        $this->set('PMA_USR_BROWSER_AGENT', 'OTHER');
    }
}
""",
        f"{PMA}/config.inc.php": f"""<?php
$cfg['Servers'][1]['controluser'] = 'root';
$cfg['Servers'][1]['controlpass'] = '{secrets.token_hex(12)}';
""",
        f"{WEB}/runtime/release.properties": "runtime.ver=v3.07.01\nrelease.version=v3.07.01\n",
    }


def accounts() -> str:
    """Return a user.properties: one published default account, and one with a password that is drawn now."""
    from hardening.products import load

    guest = load("aspect").fact("accounts", "guest").text("stored")
    return f"#Users\nguest={guest}\naamuser={secrets.token_hex(12).encode().hex()}\n"


def host(top: Path) -> Path:
    """Write a host's root with the account file of the web interface, as ZSL-2024-5840 describes it."""
    web = top / WEB.removeprefix("max/")
    (web / "runtime").mkdir(parents=True)
    (web / "runtime/release.properties").write_text("runtime.ver=v3.07.01\nrelease.version=v3.07.01\n")
    (web / "user.properties").write_text(accounts())
    (web / "user.properties").chmod(0o644)
    return top


def bundle() -> bytes:
    """Return an install package (zip) that holds a tar.gz that holds the tools, among innocent files."""
    web = io.BytesIO()
    with tarfile.open(fileobj=web, mode="w:gz") as archive:
        for name, text, mode in (
            (TOOL, tool(secrets.token_hex(12)), 0o644),
            ("var/www/html/index.php", "<?php require 'app.php';\n", 0o644),
            ("var/www/html/app.php", "<?php\n// the building at a glance\necho date('c');\n", 0o644),
            ("usr/local/bin/engine-restart", "#!/bin/sh\nexec service engine restart\n", 0o755),
            *((name, text, 0o644) for name, text in _package().items()),
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
