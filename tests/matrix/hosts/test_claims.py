"""A true and a false claim of each kind over two bundles and three hosts that boot; with one of them off, what was true is not checkable."""

from __future__ import annotations

import json
import shutil
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

from hardening.errors import ExitCode
from tests.support.hosts.fleet import CONTROL, Fleet, call
from tests.support.products import layout

SECRET = "Kranich-7742-Ufer"
GONE = "Reiher-3391-Damm"
STRONG = """SSLProtocol -all +TLSv1.2
SSLCipherSuite ECDHE-RSA-AES256-GCM-SHA384:ECDHE-RSA-AES128-GCM-SHA256
SSLHonorCipherOrder on
SSLCompression off
<VirtualHost _default_:443>
SSLEngine on
SSLCertificateFile /etc/pki/tls/certs/localhost.crt
SSLCertificateKeyFile /etc/pki/tls/private/localhost.key
</VirtualHost>
"""
ROWS: dict[str, dict[str, Any]] = {
    "component-true": {"kind": "component-absent", "components": ["adminer"]},
    "component-false": {"kind": "component-absent", "components": ["phpinfo"]},
    "credential-true": {"kind": "credential-gone", "paths": ["www/gone.php"]},
    "credential-false": {"kind": "credential-gone", "paths": ["www/db.php"]},
    "policy-true": {"kind": "policy-met", "policy": "aspect"},
    "policy-false": {"kind": "policy-met", "policy": "mozilla-modern"},
    "port-true": {"kind": "port-behaviour", "expect": "listens", "port": 7226},
    "port-false": {"kind": "port-behaviour", "expect": "closed", "port": 22},
    "log-true": {"kind": "log-benign", "line": "Error : You can't use locks with log tables", "says": "You can't use locks with log tables"},
    "log-false": {"kind": "log-benign", "line": "ERROR 2002 (HY000): Can't connect to local MySQL server", "says": "Can't connect to local MySQL server"},
    "log-open": {"kind": "log-benign", "line": "Warning: deprecated option", "says": "deprecated option"},
    "advisory-true": {"kind": "advisory-closed", "advisory": "CVE-2024-6209"},
    "advisory-false": {"kind": "advisory-closed", "advisory": "CVE-2025-53187"},
    "restart-open": {"kind": "port-behaviour", "expect": "restart"},
}  # fmt: skip
LOG = """Upgrading tables
mysql.general_log
Error    : You can't use locks with log tables.
status   : OK
mysql.user                                         OK
mysqldump: Got error: 2002: Can't connect to local MySQL server through socket '/var/lib/mysql/mysql.sock' (2) when trying to connect
ERROR 2002 (HY000): Can't connect to local MySQL server through socket '/var/lib/mysql/mysql.sock' (2)
"""


def _bundle(path: Path, release: str, members: dict[str, str]) -> Path:
    stated = f"runtime.ver=v{release}\nrelease.version=v{release}\n"
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in {f"{layout.WEB}/runtime/release.properties": stated, **members}.items():
            archive.writestr(name, text)
    return path


@pytest.fixture(scope="module")
def asked(fleet: Fleet) -> list[str]:
    """The command line; hosts are laid out as an upgrade left them, one with what the release should have removed."""
    for box in fleet.boxes:
        layout.host(box.root, "3.08.02")
        box.put("etc/httpd/conf.d/ssl.conf", STRONG)
        for server in ("lighttpd", "mysql"):
            shutil.rmtree(box.root / "etc" / server)
    middle = fleet.boxes[1]
    middle.put(f"{layout.WEB}/info.php", "<?php phpinfo(); ?>")
    middle.put(f"{layout.WEB}/db.php", f"<?php $db_password = '{SECRET}';")
    folder = fleet.folder
    old = {
        "www/db.php": f"<?php $db_password = '{SECRET}';",
        "www/gone.php": f"<?php $db_password = '{GONE}';",
        "www/info.php": "<?php phpinfo(); ?>",
    }
    text = 'release = "3.08.02"\n'
    for name, row in ROWS.items():
        text += f'[[claim]]\nid = "{name}"\ntext = "{name}"\n'
        text += "".join(f"{key} = {json.dumps(value)}\n" for key, value in row.items())
    file, log = folder / "claims.toml", folder / "upgrade.log"
    file.write_text(text)
    log.write_text(LOG)
    bundles = (
        _bundle(folder / "old.zip", "3.08.01", old),
        _bundle(folder / "new.zip", "3.08.02", {"www/index.php": "<?php echo 1;"}),
    )
    return ["claims", "check", str(file), *map(str, bundles), "-i", str(fleet.inventory()), "--log", str(log)]


def _said(asked: list[str]) -> tuple[int, dict[str, tuple[str, str]]]:
    """Return the exit code, and of each claim its verdict and reason."""
    harden = Path(sys.executable).with_name("harden")
    done = call("ip", "netns", "exec", CONTROL, harden, *asked, "--format", "json", check=False)
    assert done.stdout, done.stderr
    rows = [one for one in json.loads(done.stdout)["results"] if one["subject"] == asked[2]]
    return done.returncode, {
        one["rule"].removeprefix("claim/"): (one["verdict"], one["reason"]) for one in rows
    }


def test_true_and_false_on_three_hosts(asked: list[str]) -> None:
    code, said = _said(asked)
    assert code == ExitCode.FINDINGS, said
    expected = {"true": "pass", "false": "fail", "open": "inconclusive"}
    wrong = {name: row for name, row in said.items() if row[0] != expected[name.split("-")[1]]}
    assert not wrong
    assert "true on 3 of 3 hosts" in said["component-true"][1]
    assert "true on 2 of 3 hosts; false on el7like: phpinfo in /home/MIX_CMIX/htmlroot/info.php" in said["component-false"][1]  # fmt: skip
    assert "false on el7like: 1 of 1 credential of the old bundle in /home/MIX_CMIX/htmlroot/db.php:1" in said["credential-false"][1]  # fmt: skip
    assert SECRET not in json.dumps(said)


def test_what_was_true_is_not_checkable_with_a_host_off(fleet: Fleet, asked: list[str]) -> None:
    last = fleet.boxes[2]
    last.kill()
    _, said = _said(asked)
    for name, (verdict, why) in said.items():
        if name.endswith("-true") and not name.startswith("log"):
            assert verdict not in ("pass", "fail"), (name, why)
            assert f"not checkable on {last.name}: " in why
        if name.endswith("-false"):
            assert verdict == "fail", (name, why)
