"""What an account other than root meets: closed folders and files, no home, no name. Root may enter everything."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support import account
from tests.unit.cli.test_ordinary_user import site

__all__ = ["site"]


@pytest.mark.parametrize(("home", "uid"), [("closed", account.NOBODY), ("~", account.NAMELESS)])
def test_a_home_that_cannot_be_used_is_no_reason_to_fail(site: Path, home: str, uid: int) -> None:
    """The rules, whose patterns are kept there, and Ansible, which ended before it began: that was told as an inventory without hosts."""
    account.required(uid)
    env = {"HOME": str(site / home)} if home != "~" else {}
    state = f"upgrade status -e aspect_state_dir={site / 'out/state'}"
    rules, status = account.harden("rules tls/suite", state, cwd=site, uid=uid, env=env)
    assert (rules.code, rules.err) == (status.code, status.err) == (0, "")
    assert "no change by harden is known here" in status.out


def test_closed_folders_of_a_host_of_an_inventory_are_named(site: Path) -> None:
    env = {"HOME": str(site / "home"), "ANSIBLE_REMOTE_TEMP": str(site / "out/ansible")}
    far = f"-i localhost, -e ansible_connection=local -e collect_root={site / 'host'}"
    (done,) = account.harden(f"host audit {far} --format json", cwd=site, env=env)
    said = {one["message"] for one in json.loads(done.out)["findings"] if one["rule"] == "host/not-examined"}
    assert {
        f"{name}: cannot be listed: Permission denied" for name in ("/etc/nginx", "/var/log/nginx")
    } <= said
