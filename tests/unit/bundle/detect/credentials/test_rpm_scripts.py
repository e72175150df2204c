"""What an rpm's scripts hold has no file: the finding says in which of them it stands, and on which line."""

from __future__ import annotations

import struct
import tracemalloc
from pathlib import Path

from bundle.audit import audit
from bundle.detect.credentials import Credentials
from bundle.walk.formats import rpms
from bundle.walk.problem import Broken
from bundle.walk.source import Memory
from tests.support.bundle.detect.credentials.plant.containers import rpm

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


def test_rows_that_all_lead_to_one_text_are_damage_and_take_no_memory() -> None:
    store = b"a" * (1 << 20)
    row = struct.pack(">4I", BEFORE, 6, 0, 1)
    empty = b"\x8e\xad\xe8\x01\0\0\0\0" + struct.pack(">2I", 0, 0)
    header = empty[:8] + struct.pack(">2I", 300, len(store)) + row * 300 + store
    tracemalloc.start()
    try:
        rpms.payload_at(Memory(bytes(96) + empty + header))
    except Broken as problem:
        assert problem.reason == "corrupt"  # noqa: PT017 - the memory is what is asked about
    finally:
        assert tracemalloc.get_traced_memory()[1] < 16 << 20
        tracemalloc.stop()
