"""Claims on three hosts of an inventory, one of which cannot be reached, and on a live endpoint."""

from __future__ import annotations

import json
import sys
import zipfile
from pathlib import Path

import pytest

from hardening.cli import run
from hardening.demo import server, story
from hardening.errors import ExitCode
from tests.support.products import layout

CLAIMS = """
release = "3.08.02"
[[claim]]
id = "component"
text = "phpinfo is gone"
kind = "component-absent"
components = ["phpinfo"]
[[claim]]
id = "policy"
text = "Servers meet the policy"
kind = "policy-met"
policy = "aspect"
"""


def test_every_host_is_asked_and_the_lost_one_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, bundle = tmp_path / "claims.toml", tmp_path / "new.zip"
    file.write_text(CLAIMS)
    with zipfile.ZipFile(bundle, "w") as archive:
        archive.writestr("www/index.php", "<?php echo 1;")
    clean = layout.host(tmp_path / "clean")
    left = layout.host(tmp_path / "left", files={f"{layout.WEB}/info.php": "<?php phpinfo(); ?>"})
    local = f"ansible_connection=local ansible_python_interpreter={sys.executable}"
    inventory = tmp_path / "hosts"
    inventory.write_text(
        f"[all]\nclean {local} collect_root={clean}\nleft {local} collect_root={left}\nlost ansible_host=127.0.0.1 ansible_port=9\n"
    )
    certificates = tmp_path / "server"
    certificates.mkdir()
    story._certificate(certificates)
    (certificates / "server.conf").write_text(server.WEAK)
    with story._running(certificates) as endpoint:
        asked = ["claims", "check", str(file), str(bundle), str(bundle), "-i", str(inventory), "--endpoint", endpoint]  # fmt: skip
        code = run([*asked, "--format", "json", "--report", f"junit={tmp_path / 'junit.xml'}"])
    assert code == ExitCode.FINDINGS
    body = json.loads(capsys.readouterr().out)
    said = {
        row["rule"]: (row["verdict"], row["reason"]) for row in body["results"] if row["subject"] == str(file)
    }
    verdict, why = said["claim/component"]
    assert verdict == "fail"
    assert "true on 1 of 3 hosts" in why
    assert "false on left: phpinfo in /home/MIX_CMIX/htmlroot/info.php" in why
    assert "not checkable on lost: " in why
    verdict, why = said["claim/policy"]
    assert verdict == "fail"
    assert f"false at {endpoint}: {endpoint} violates aspect" in why
    assert 'name="claim/component' in (tmp_path / "junit.xml").read_text()
