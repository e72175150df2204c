"""What an rpm's scripts hold has no file: the finding says in which of them it stands, and on which line."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from bundle.audit import audit
from bundle.detect.credentials import Credentials
from tests.support.programs import need

SECTIONS = {
    "%pre": "pre-install script", "%post": "post-install script", "%preun": "pre-uninstall script",
    "%postun": "post-uninstall script", "%pretrans": "pre-transaction script", "%posttrans": "post-transaction script",
    "%preuntrans": "pre-uninstall-transaction script", "%postuntrans": "post-uninstall-transaction script",
    "%verifyscript": "verify script", "%triggerin -- bash": "trigger script", "%triggerun -- bash": "trigger script",
    "%filetriggerin -- /usr/lib": "file trigger script", "%transfiletriggerin -- /usr/lib": "transaction file trigger script",
}  # fmt: skip


SPEC = """Name: plant
Version: 1
Release: 1
Summary: plant
License: none
BuildArch: noarch
%description
The account engine logs in with the password Marble99gate at first.
%files
%changelog
* Mon Nov 30 2020 A <a@example.com> - 1-1
- the password of the account engine is Marble98gate
"""


def test_every_script_and_note_that_rpmbuild_writes_is_read(credentials: Credentials, tmp_path: Path) -> None:
    lines = (f"{head}\nmysql -uroot -pMarble{n:02}gate plant\n" for n, head in enumerate(SECTIONS))
    (tmp_path / "plant.spec").write_text(SPEC.replace("%files", "".join(lines) + "%files"))
    define = [f"--define={name} {tmp_path}" for name in ("_topdir", "_rpmdir")]
    command: list[str | Path] = [
        need("rpmbuild"),
        "-bb",
        *define,
        "--define=_rpmfilename plant.rpm",
        tmp_path / "plant.spec",
    ]
    subprocess.run(command, check=True, capture_output=True)
    run = audit(str(tmp_path / "plant.rpm"), detectors=(credentials,), jobs=1)
    said = sorted(
        re.findall(r"in the ([\w -]+), line 1$", "\n".join(f.message for f in run.findings), re.MULTILINE)
    )
    assert said == sorted([*SECTIONS.values(), "package description", "package changelog"])
