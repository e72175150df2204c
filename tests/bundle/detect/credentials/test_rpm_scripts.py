"""What an rpm's scripts hold has no file: the finding says in which of them it stands, and on which line."""

from __future__ import annotations

from pathlib import Path

from bundle.audit import audit
from bundle.detect.credentials import Credentials
from tests.bundle.detect.credentials.plant.containers import rpm

BEFORE, BEHIND = 1023, 1024
"""Tags of an rpm's header: the scripts before and behind an installation."""


def test_a_finding_names_the_script_and_its_line(credentials: Credentials, tmp_path: Path) -> None:
    scripts = {
        BEFORE: b"set -e\nmysql -uroot -pMarble44gate plant </dev/null\n",
        BEHIND: b"# makes the account\n\nuseradd feed\necho 'feed:Quay#7714' | chpasswd\n",
    }
    (tmp_path / "plant.rpm").write_bytes(rpm("etc/plant.conf", b"password = Stone88lark\n", scripts))
    run = audit(str(tmp_path / "plant.rpm"), detectors=(credentials,), jobs=1)
    said = sorted(f.message.partition("; ")[2] for f in run.findings)
    assert said == ["", "in the post-install script, line 4", "in the pre-install script, line 2"]
