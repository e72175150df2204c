"""The dump of a database that an upgrade keeps: no other account can read it, not even for a moment."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.host.attacker import PYTHON, attackers
from tests.support.upgrade.quick import Quick
from tests.support.upgrade.standin import Signer, Site, conductor, whole_run

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0 or not Path(PYTHON).exists(),
    reason=f"needs root, for an attacker of another account, and {PYTHON}",
)


@pytest.fixture
def open_site(quick: Quick) -> Iterator[Site]:
    """A host that every account may enter; only its database is shut."""
    place = Path(tempfile.mkdtemp(prefix="attacked-"))
    place.chmod(0o755)
    site = Site(place / "host", quick=quick).lay_out()
    (site.root / "var/lib/standin").chmod(0o700)
    try:
        yield site
    finally:
        site.stop()
        shutil.rmtree(place)


def test_new_and_back(open_site: Site, signer: Signer) -> None:
    secret = "Tr0ub4dor" + "-of-the-panel"
    data = open_site.root / "var/lib/standin/data.db"
    subprocess.run(
        ["sqlite3", data, f"CREATE TABLE login (word TEXT); INSERT INTO login VALUES ('{secret}')"],
        check=True,
    )
    before, bundle = open_site.declared(), signer.bundle()
    with attackers(secret, 54321, 65534) as seen:
        found = whole_run(open_site, bundle)
        assert found["state"] == "committed", found
        back = conductor(open_site, bundle).back(found["id"], "asked for")
        assert back["state"] == "rolled-back", back
    assert open_site.whole(before) == "old"
    assert secret in open_site.dump()
    assert [(one.uid, one.read) for one in seen] == [(54321, set()), (65534, set())]
    assert all(one.rounds > 3 for one in seen)
