"""The way back on hosts as they are: names of any bytes, links, ACLs, file systems that cannot be written, copies that are gone."""

from __future__ import annotations

import importlib.util
import os
import shutil
import struct
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from hardening.host import agent as program
from hardening.upgrade import carry
from tests.host.little import interpreter
from tests.upgrade.standin import FAULTS, NEW, OLD, Signer, Site, job, whole_run

agent: Any = program  # untyped: it runs on Python 2.6
NOBODY = 0xFFFFFFFF
ACL = struct.pack("<I", 2) + b"".join(
    struct.pack("<HHI", *one)
    for one in ((1, 6, NOBODY), (2, 4, 1000), (4, 4, NOBODY), (16, 4, NOBODY), (32, 4, NOBODY))
)
"""An ACL that lets one more account read."""


@pytest.fixture
def upgrader(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The host's program, as a module of this process."""
    monkeypatch.setitem(sys.modules, "aspect_agent", agent)
    spec = importlib.util.spec_from_file_location("upgrader_here", carry.UPGRADER)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(params=["2.7", "3.6", "newest"])
def old_site(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Site]:
    one = Site(tmp_path / "host", python=interpreter(request.param)).lay_out()
    try:
        yield one
    finally:
        one.stop()


def upgrade_folder(site: Site) -> Path:
    name = str(site.upgrades()[-1]["id"])
    return site.root / site.state.lstrip("/") / "upgrade" / name


def test_names_of_any_bytes_come_back(old_site: Site, signer: Signer) -> None:
    folder, latin = old_site.root / "opt/standin/htmlroot/old", os.fsdecode(b"caf\xe9")
    (folder / "käse.html").write_text("utf-8")
    (folder / f"{latin}.html").write_text("latin-1")
    (folder / latin).mkdir()
    (folder / "link").symlink_to(f"{latin}.html")
    before = sorted(folder.iterdir())
    found = whole_run(old_site, signer.bundle("fails-late"))  # the installer removes the folder
    assert (found["state"], found["problems"]) == ("rolledback", ["the installer exited 5"])
    assert sorted(folder.iterdir()) == before
    assert (folder / "link").readlink() == Path(f"{latin}.html")
    assert (folder / f"{latin}.html").read_text() == "latin-1"


@pytest.fixture
def acl(site: Site) -> Site:
    try:
        os.setxattr(site.root / "opt", "system.posix_acl_default", ACL)
        os.removexattr(site.root / "opt", "system.posix_acl_default")
    except OSError:
        pytest.skip("this file system keeps no ACLs")
    return site


def test_what_the_installer_let_others_do_is_taken_back(
    acl: Site, signer: Signer, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = (
        ("opt/standin/htmlroot", "default"),
        ("opt/standin/bin", "access"),
        ("etc/standin/standin.conf", "access"),
    )
    calls = "; ".join(
        f"os.setxattr('$R/{path}', 'system.posix_acl_{kind}', bytes.fromhex('{ACL.hex()}'))" for path, kind in given
    )  # fmt: skip
    command = f'{sys.executable} -c "import os; {calls}"'
    monkeypatch.setitem(FAULTS, "gives-acls", {"@EARLY@": command, "@LATE@": "exit 5"})
    before = acl.declared()
    assert whole_run(acl, signer.bundle("gives-acls"))["problems"] == ["the installer exited 5"]
    assert acl.whole(before) == "old"
    left = {
        str(path): names
        for top in ("opt", "etc")
        for path in (acl.root / top).rglob("*")
        if not path.is_symlink() and (names := os.listxattr(path))
    }
    assert left == {}


@pytest.mark.parametrize(
    ("what", "said"),
    [
        ("all", "the copies of what it replaced are gone"),
        ("one", "the kept copy of /opt/standin/"),
        ("damaged", "is damaged"),
        ("dump", "the kept database dump is damaged"),
    ],
)
def test_a_finished_upgrade_whose_copies_are_gone_stays(
    site: Site, signer: Signer, what: str, said: str
) -> None:
    before = site.declared()
    assert whole_run(site, signer.bundle())["state"] == "committed"
    cold = upgrade_folder(site) / "cold"
    copies = sorted((cold / "path.0").iterdir())
    if what == "all":
        shutil.rmtree(cold)
    elif what == "one":
        copies[0].unlink()
    elif what == "damaged":
        copies[-1].write_bytes(b"rot")
    else:
        (cold / "dump").write_bytes((cold / "dump").read_bytes()[:-20])
    answer = site.ask("order", id=upgrade_folder(site).name, do="rollback")
    assert answer["failed"]
    assert said in answer["msg"]
    assert answer["msg"].endswith("and the host stays as it is; restore it from your own backup")
    assert [row["state"] for row in site.upgrades()] == ["committed"]
    assert (site.whole(before), site.loaded()) == ("new", NEW)
    assert site.ask("verify")["problems"] == []
