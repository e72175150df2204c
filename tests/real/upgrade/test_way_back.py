"""The way back on hosts as they are: names of any bytes, links, ACLs, file systems that cannot be written, copies that are gone."""

from __future__ import annotations

import errno
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

from tests.support.host.little import interpreter
from tests.support.host.onhost import Program
from tests.support.upgrade.standin import FAULTS, NEW, OLD, Signer, Site, job, whole_run

upgrader = Program("upgrader")
NOBODY = 0xFFFFFFFF
ACL = struct.pack("<I", 2) + b"".join(
    struct.pack("<HHI", *one)
    for one in ((1, 6, NOBODY), (2, 4, 1000), (4, 4, NOBODY), (16, 4, NOBODY), (32, 4, NOBODY))
)
"""An ACL that lets one more account read."""


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
    assert (found["state"], found["problems"]) == ("rolled-back", ["the installer exited 5"])
    assert sorted(folder.iterdir()) == before
    assert (folder / "link").readlink() == Path(f"{latin}.html")
    assert (folder / f"{latin}.html").read_text() == "latin-1"


def test_a_declared_path_that_is_a_link_is_refused_unless_what_it_leads_to_is_declared(
    site: Site, signer: Signer
) -> None:
    (site.root / "data").mkdir()
    shutil.move(site.root / "opt/standin", site.root / "data/standin")
    (site.root / "opt/standin").symlink_to(site.root / "data/standin")
    found = whole_run(site, signer.bundle("fails-late"))
    assert found["state"] == "unfit"
    assert found["problems"] == [
        "/opt/standin is a symbolic link to /data/standin, which would not be restored: add that to the recipe's paths"
    ]
    both = {'paths = ["/opt/standin",': 'paths = ["/opt/standin", "/data/standin",'}
    before = site.declared()
    bundle = signer.bundle("fails-late")
    assert whole_run(site, bundle, job=job(bundle, site, both))["state"] == "rolled-back"
    assert (site.whole(before), (site.root / "opt/standin").is_symlink()) == ("old", True)
    assert (site.root / "data/standin/htmlroot/old/help.html").exists()


@pytest.fixture
def acl(site: Site) -> Site:
    try:
        os.setxattr(site.root / "opt", "system.posix_acl_default", ACL)
        os.removexattr(site.root / "opt", "system.posix_acl_default")
    except OSError:
        pytest.skip("this file system keeps no ACLs")
    return site


@pytest.mark.skipif(os.geteuid() != 0, reason="root alone enters a folder that the marks have closed")
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


def test_what_cannot_be_changed_and_is_right_does_not_stop_the_way_back(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    dressed: list[str] = []
    real = upgrader.apply_metadata

    def dress(path: str, *more: Any) -> None:
        dressed.append(path)
        real(path, *more)

    folder, copies = str(site.root / "etc/standin"), str(site.root / "copies")
    entries = upgrader.copy_path(folder, copies)
    upgrader.replace(monkeypatch, "apply_metadata", dress)
    assert upgrader.restore_path(folder, entries, copies) == 0
    assert dressed == []  # on a read-only disk each of these would have been a failure


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


def test_a_clock_that_was_set_makes_no_restart(
    site: Site, signer: Signer, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert whole_run(site, signer.bundle())["state"] == "committed"
    host = upgrader.Host(str(site.root), site.state)
    real = time.time
    for hours in (0, 12, -12):
        monkeypatch.setattr(time, "time", lambda hours=hours: real() + 3600 * hours)
        assert [row["resolved"] for row in upgrader.pending_restarts(host)] == [False]
    site.service("engine", "restart")
    for hours in (0, 12, -12):
        monkeypatch.setattr(time, "time", lambda hours=hours: real() + 3600 * hours)
        assert [row["resolved"] for row in upgrader.pending_restarts(host)] == [True]
    assert site.loaded("engine") != OLD


def test_a_declared_path_that_cannot_be_written_is_said_before(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = upgrader.Host(str(site.root), site.state)
    request = {"recipe": site.recipe().body, "release": NEW}
    assert upgrader.do_look(host, request)["problems"] == []
    real, sealed = os.statvfs, str(site.root / "etc/standin")

    def statvfs(path: str) -> Any:
        found = real(path)
        return SimpleNamespace(f_flag=1, f_bavail=found.f_bavail, f_frsize=1) if path == sealed else found

    monkeypatch.setattr(os, "statvfs", statvfs)
    said = upgrader.do_look(host, request)["problems"]
    assert said == ["/etc/standin lies on a read-only file system: remount it first"]


def test_a_status_that_may_not_be_read_is_not_empty(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    def listdir(path: str) -> list[str]:
        raise OSError(errno.EACCES, "Permission denied", path)

    monkeypatch.setattr(os, "listdir", listdir)
    monkeypatch.setattr(os, "getuid", lambda: 1000)
    said = upgrader.answer_to({"verb": "status", "root": str(site.root), "state": site.state})
    assert (said["failed"], said["state"]) == (True, "refused")
    assert said["msg"].endswith("(uid 1000 is not root here: become root, ansible_become: true)")


def test_what_was_written_since_is_named(tmp_path: Path) -> None:
    """`/home/MIX_CMIX was changed since` sent a person through ten thousand files."""
    host, mark, folder = upgrader.Host(str(tmp_path), "/state"), tmp_path / "mark", tmp_path / "home"
    folder.mkdir()
    (folder / "old.html").touch()
    time.sleep(0.05)
    mark.touch()
    assert upgrader.changed_after(host, "/home", str(mark)) == ""
    time.sleep(0.05)
    (folder / "mine.html").touch()
    assert upgrader.changed_after(host, "/home", str(mark)) == " (/home/mine.html)"
    for number in range(6):
        (folder / f"{number}.html").touch()
    assert upgrader.changed_after(host, "/home", str(mark)).endswith("4.html, and 2 more)")


def test_the_way_back_writes_through_no_link_and_shows_no_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The product's account owns the folder, and may put what it likes under the name of the new file."""
    home, elsewhere = tmp_path / "home", tmp_path / "profile.sh"
    home.mkdir()
    (home / "server.key").write_text("old")
    (home / "server.key").chmod(0o600)
    entries = upgrader.copy_path(str(home), str(tmp_path / "copies"))
    (home / "server.key").write_text("new")
    gone, modes = upgrader.remove, []

    def planted(path: str) -> None:
        gone(path)
        if path.endswith("back"):
            Path(path).symlink_to(elsewhere)

    upgrader.replace(monkeypatch, "remove", planted)
    with pytest.raises(OSError, match="exists"):
        upgrader.restore_path(str(home), entries, str(tmp_path / "copies"))
    assert not elsewhere.exists()
    upgrader.replace(monkeypatch, "remove", gone)

    def clothe(descriptor: int, seen: dict[str, Any]) -> None:
        modes.append(os.fstat(descriptor).st_mode & 0o777)
        real(descriptor, seen)

    real = upgrader.apply_fd_metadata
    upgrader.replace(monkeypatch, "apply_fd_metadata", clothe)
    upgrader.restore_path(str(home), entries, str(tmp_path / "copies"))
    assert modes[0] == 0o600  # whatever umask the agent was started with
    assert (home / "server.key").read_text() == "old"


def test_a_folder_that_becomes_a_link_leads_the_way_back_nowhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home, elsewhere = tmp_path / "home", tmp_path / "etc"
    elsewhere.mkdir()
    (home / "below").mkdir(parents=True)
    (home / "below" / "ld.so.preload").write_text("old")
    entries = upgrader.copy_path(str(home), str(tmp_path / "copies"))
    (home / "below" / "ld.so.preload").write_text("new")
    real = upgrader.restore_one

    def one_back(*given: Any) -> Any:
        if (home / "below").is_dir() and not (home / "below").is_symlink():
            (home / "below").rename(home / "aside")
            (home / "below").symlink_to(elsewhere)
        return real(*given)

    upgrader.replace(monkeypatch, "restore_one", one_back)
    with pytest.raises(OSError, match="home/below"):
        upgrader.restore_path(str(home), entries, str(tmp_path / "copies"))
    assert list(elsewhere.iterdir()) == []
    monkeypatch.undo()
    upgrader.restore_path(str(home), entries, str(tmp_path / "copies"))
    assert sorted(one.name for one in home.iterdir()) == ["below"]
    assert (home / "below" / "ld.so.preload").read_text() == "old"
