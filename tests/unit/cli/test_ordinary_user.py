"""What an account other than root meets: closed folders and files, no home, no name. Root may enter everything."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import libarchive  # type: ignore[import-untyped]  # it ships no types
import pytest

from hardening import user_cache
from hardening.cli import run
from hardening.demo import specimen
from hardening.errors import ExitCode
from tests.support import account

NGINX = """events {}
http {
    ssl_protocols TLSv1.2 TLSv1.3;
    include closed.d/*.conf;
    include open.d/*.conf;
    server { listen 443 ssl; server_name a; ssl_certificate /nowhere.pem; ssl_certificate_key /nowhere.key; }
}
"""
CLOSED = (
    "tree/closed", "tree/closed.zip", "tree/only/closed", "conf/closed.d", "conf/open.d/closed.conf", "away", "closed",
    "host/etc/nginx", "host/var/log/nginx", "all/etc/nginx", "osv/closed",
)  # fmt: skip


@pytest.fixture(scope="module")
def site() -> Iterator[Path]:
    """A folder of the account's own, with what it may not enter or read in it; and its home."""
    account.required()
    with account.folder() as top:
        _fill(top)
        _gates(top / "home")
        for path in (top, *top.rglob("*")):
            if os.geteuid() == 0:
                os.chown(path, account.NOBODY, account.NOBODY)
        for name in CLOSED:
            (top / name).chmod(0)
        (top / "listed").chmod(0o444)
        (top / "read-only").chmod(0o555)
        yield top
        for path in (*map(top.joinpath, CLOSED), top / "listed", top / "read-only"):
            path.chmod(0o700)


def _fill(top: Path) -> None:
    for name in (*(one for one in CLOSED if "." not in Path(one).name or one.endswith(".d")), "listed/below", "read-only",
                 "home", "conf/open.d", "out", "host/etc/nginx", "host/var/www", "all/etc"):  # fmt: skip
        (top / name).mkdir(parents=True, exist_ok=True)
    bundle = specimen.bundle()
    for name in ("bundle.zip", "tree/closed.zip", "tree/closed/bundle.zip", "host/var/www/bundle.zip"):
        (top / name).write_bytes(bundle)
    for name in ("listed/a.txt", "tree/a.txt", "closed/a.toml"):
        (top / name).write_text("a = 1\n")
    for folder in ("conf", "host/etc/nginx"):
        (top / folder / "nginx.conf").write_text(NGINX)
    (top / "conf/closed.d/a.conf").write_text("ssl_ciphers RC4;\n")
    (top / "conf/open.d/closed.conf").write_text("ssl_ciphers RC4;\n")
    (top / "host/var/log/nginx/access.log").write_text("")
    (top / "host/var/www/db.php").write_text(specimen.tool("Kestrel#4471"))
    with libarchive.file_writer(str(top / "bundle.7z"), "7zip") as archive:
        archive.add_file_from_memory("bundle.zip", len(bundle), bundle)
    (top / "a.log").write_text("all is well\n")
    (top / "engine.properties").write_text("engine.port=7226\n")
    assert run(["bundle", "keygen", "--no-passphrase", "--out", str(top / "key")]) == ExitCode.OK


def _gates(home: Path) -> None:
    """Bring what this account has compiled to the other's home: that takes seconds."""
    where = user_cache.folder("gates")
    if where is not None and where.is_dir():
        shutil.copytree(where, home / ".cache/aspect-hardening/gates")
        (home / ".cache/aspect-hardening/gates").chmod(0o700)


def called(
    site: Path, *calls: str, home: str = "home", uid: int = account.NOBODY
) -> tuple[account.Done, ...]:
    return account.harden(*calls, cwd=site, uid=uid, env={"HOME": str(site / home)})


PERMISSION = "ermission denied"
REFUSED = """\
bundle audit tree/closed
bundle audit tree/closed/bundle.zip
bundle audit bundle.zip --cache read-only/x
bundle audit bundle.zip -o read-only/x
bundle clean bundle.zip -o read-only/x
bundle diff bundle.zip tree/closed/bundle.zip
bundle keygen --no-passphrase --out read-only/key2
bundle verify-clean bundle.zip tree/closed/bundle.zip
bundle sbom tree/closed/bundle.zip
bundle sign bundle.zip --no-passphrase --key key -o read-only/x
bundle sign bundle.zip --key closed/key
bundle verify tree/closed/bundle.zip --key key.pub
demo --keep read-only/x
host apply -i closed/hosts
host audit --root closed/host
host audit -i away/
host audit -i localhost, -e @away
logs triage closed/a.log
mailer check -c closed/mailer.toml
report sign a.log --no-passphrase --key closed/key
tls audit closed/nginx.conf
tls audit conf/open.d/closed.conf
tls audit conf --policy closed/a.toml
tls render nginx -o read-only/x
tls scan 127.0.0.1:1 --trust conf/open.d/closed.conf
tls scan 127.0.0.1:1 --state read-only/x
upgrade status -i away
bundle audit bundle.zip --osv osv""".splitlines()


def test_what_may_not_be_read_or_written_is_one_line(site: Path) -> None:
    for words, done in zip(REFUSED, called(site, *REFUSED), strict=True):
        said, *rest = done.err.splitlines()
        assert (done.code, done.out, len(rest)) == (ExitCode.USAGE, "", 1), (words, done.err)
        assert PERMISSION in said or "is not readable" in said, words


def test_a_cache_that_may_not_be_written_is_said(site: Path) -> None:
    writable, *others = called(
        site,
        "bundle audit bundle.zip --cache out/kept",
        "bundle audit bundle.zip --cache read-only",
        "bundle audit bundle.zip --cache read-only -q",
    )
    assert writable.err == ""
    assert [done.err for done in others] == [
        "harden: read-only is not writable: new results are not cached\n",
        "",
    ]
    assert {done.code for done in (writable, *others)} == {ExitCode.FINDINGS}


def test_why_ansible_does_not_start_is_told(site: Path) -> None:
    env = {"HOME": str(site / "home"), "ANSIBLE_LOCAL_TEMP": str(site / "closed/tmp")}
    (done,) = account.harden("upgrade status -i localhost,", cwd=site, env=env)
    assert done.code == ExitCode.NOTHING_EXAMINED
    assert "Unable to create local directories" in done.err.splitlines()[0]


def report(site: Path, words: str) -> dict[str, Any]:
    (done,) = called(site, f"{words} --format json")
    assert "internal error" not in done.err
    read: dict[str, Any] = json.loads(done.out)
    return read


IN_TREE = {"tree/closed", "tree/closed.zip", "tree/only/closed"}
"""What of the folder `tree` may not be read."""


def unread(found: dict[str, Any]) -> set[str]:
    return {one["message"] for one in found["findings"] if PERMISSION in one["message"]}


def test_what_libarchive_reads_is_read_for_every_account(site: Path) -> None:
    """Its process may start no program, which root alone may all the same: each 7z, iso and cab was called hostile."""
    found = report(site, "bundle audit bundle.7z")
    assert {one["examined"] for one in found["subjects"]} == {"full"}
    assert "component/adminer" in {one["rule"] for one in found["findings"]}


def test_closed_parts_of_a_folder_are_named(site: Path) -> None:
    found = report(site, "bundle audit tree")
    assert {one.split(" ")[0] for one in unread(found)} == IN_TREE
    assert found["summary"]["exit_code"] == ExitCode.PARTLY_EXAMINED


def test_a_folder_that_can_be_listed_alone_is_not_called_empty(site: Path) -> None:
    found = report(site, "bundle audit listed")
    (subject,) = found["subjects"]
    assert (subject["examined"], found["summary"]["exit_code"]) == ("none", ExitCode.NOTHING_EXAMINED)
    assert PERMISSION in subject["reason"]


@pytest.mark.parametrize("path", ["conf", "conf/nginx.conf"])
def test_what_is_included_from_a_closed_folder_is_named(site: Path, path: str) -> None:
    """It was passed over in silence: what lies there may be any setting."""
    found = report(site, f"tls audit {path}")
    assert unread(found) == {"conf/closed.d: Permission denied", "conf/open.d/closed.conf: Permission denied"}
    assert {one["examined"] for one in found["subjects"]} == {"partial"}


def test_a_diff_says_what_it_was_not_made_for(site: Path) -> None:
    (done,) = called(site, "tls audit conf --fix-diff")
    assert done.code == ExitCode.PARTLY_EXAMINED
    assert "not examined: conf/closed.d: Permission denied\n" in done.err


def test_a_folder_of_settings_names_what_is_closed_in_it(site: Path) -> None:
    found = report(site, "tls audit tree")
    assert {one.partition(":")[0] for one in unread(found)} == IN_TREE
    assert found["summary"]["exit_code"] == ExitCode.NOTHING_EXAMINED


def test_a_server_whose_folder_is_closed_is_a_subject_of_its_own(site: Path) -> None:
    (place,) = {one["id"] for one in report(site, "tls audit host/etc")["subjects"]}
    assert place == "host/etc"
    found = report(site, "host audit --root host")
    assert {one["message"] for one in found["findings"] if one["rule"] == "host/not-examined"} == {
        "/etc/nginx: cannot be read: permission denied", "/var/log/nginx: cannot be read: permission denied",
    }  # fmt: skip


def test_a_host_that_is_closed_is_not_called_empty(site: Path) -> None:
    (done,) = called(site, "host audit --root all")
    assert done.code == ExitCode.NOTHING_EXAMINED
    assert "/etc/nginx cannot be read: permission denied" in done.err


@pytest.mark.parametrize(
    "words", ["tls audit .", "tls audit x", "bundle audit {} -o here.txt", "tls render nginx -o x"]
)
def test_a_current_folder_that_is_gone_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: str
) -> None:
    (tmp_path / "bundle.zip").write_bytes(specimen.bundle())
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    assert run(words.format(tmp_path / "bundle.zip").split()) == ExitCode.USAGE
    assert "internal error" not in (said := capsys.readouterr().err)
    assert len(said.splitlines()) == 2


def test_whole_paths_need_no_current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "nginx.conf").write_text("http { server { listen 443 ssl; ssl_protocols TLSv1; } }\n")
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    assert run(["tls", "audit", str(tmp_path / "nginx.conf")]) == ExitCode.FINDINGS


def test_a_port_that_this_account_may_not_set_is_no_unsafe_one(site: Path) -> None:
    """It was exit 11, which is for a port that nobody should take."""
    words = f"--config {site / 'engine.properties'} --state-dir {site / 'read-only/state'}"
    denied, unsafe, blind = called(
        site,
        f"engine set-port --local 7300 --no-firewall {words}",
        f"engine set-port --local 80 {words}",
        f"engine set-port --local 7300 {words}",
    )
    assert (denied.code, unsafe.code, blind.code) == (ExitCode.ROLLED_BACK, ExitCode.REFUSED, ExitCode.USAGE)
    assert "only root sees what filters on this host" in blind.err
    assert "harden: refused, nothing was changed: [Errno 13] Permission denied" in denied.err


def test_what_lies_in_a_closed_folder_of_a_host_is_not_absent(site: Path) -> None:
    """A plan made of it would take the host for an empty one."""
    (done,) = called(site, f"engine show --config {site / 'closed/engine.properties'}")
    assert done.code == ExitCode.USAGE
    assert f"not examined: [Errno 13] Permission denied: '{site / 'closed'}'" in done.err
