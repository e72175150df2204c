"""A real slapd takes the rendered LDIF into cn=config, and offers what the audit of that folder says."""

from __future__ import annotations

import subprocess
from pathlib import Path

from hardening.tls import policy
from hardening.tls.auditing import audit as audits
from hardening.tls.rendering.render import render
from hardening.tls.scan import run as scans
from hardening.tls.targets import find
from tests.support.ports import free_port
from tests.support.tls import compared, servers

EMPTY = "dn: cn=config\nobjectClass: olcGlobal\ncn: config\nolcPidFile: {}/pid\n"
STRONG, OLD = "aspect", "crypto-policies-legacy"


def _run(program: str, folder: Path, *more: str) -> None:
    found = servers.program(program)
    assert found is not None
    done = subprocess.run(
        [found, "-F", str(folder / "slapd.d"), "-n", "0", *more], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_cn_config_takes_the_rendered_ldif(folder: Path) -> None:
    servers.needed("slapd")
    pair, port = servers.pair("rsa", folder / "certificates"), free_port()
    (folder / "slapd.d").mkdir()
    (folder / "empty.ldif").write_text(EMPTY.format(folder))
    _run("slapadd", folder, "-l", str(folder / "empty.ldif"))
    params = {"listen": str(port), "certificate": str(pair.certificate), "key": str(pair.key), "ldif": "yes"}
    for name in (OLD, STRONG):  # the second replaces what the first has set
        made = render(find("slapd"), policy.load(name), params=params)
        (folder / "tls.ldif").write_text(made.text)
        _run("slapmodify", folder, "-l", str(folder / "tls.ldif"))
    config = folder / "slapd.d/cn=config.ldif"
    assert "\n " in config.read_text(), "slapd folds long lines, and this one is to have one"
    (audited,) = audits.read(config, find("slapd"))
    (folder / "run.sh").write_text(
        f"exec slapd -d 1 -F {folder}/slapd.d -h ldaps://127.0.0.1:{port} 2>{folder}/slapd.log\n"
    )
    with servers.running("slapd", folder / "run.sh", port):
        (scanned,) = scans.offers([f"127.0.0.1:{port}"], scans.ScanSettings(full=True))
    seen = {n: set(s) for n, s in compared.seen_in(scanned).items()}
    assert seen
    assert seen == {n: set(s) for n, s in compared.with_certificate(audited, "rsa").items()}
    assert seen == {n: set(s) for n, s in compared.meant(made, "rsa").items()}
