"""`harden upgrade` as an operator runs it: over Ansible, on hosts that are folders of this machine."""

from __future__ import annotations

from pathlib import Path

from tests.real.upgrade import test_command as quick
from tests.real.upgrade.test_command import common, harden, inventory, sites
from tests.support.upgrade.standin import Signer, Site

__all__ = ["sites"]


def test_unfit_hosts_are_left_out(sites: list[Site], signer: Signer, tmp_path: Path) -> None:
    hosts = inventory(sites, tmp_path / "hosts", broken=["h1"])
    before = [one.declared() for one in sites]
    words = [*common(signer, sites[0], hosts), "--skip-failed-preflight"]
    code, out, err = harden("apply", signer.bundle(), *words, cwd=tmp_path)
    assert code == 7, out + err
    assert [one.whole(was) for one, was in zip(sites, before, strict=True)] == ["new", "old", "new"]
    assert [line.split()[1] for line in out.splitlines() if line.startswith("h")][:3] == [
        "committed",
        "unfit",
        "committed",
    ]


def test_the_operators_suites_are_part_of_the_proof(site: Site, signer: Signer, tmp_path: Path) -> None:
    quick.test_the_operators_suites_are_part_of_the_proof(site, signer, tmp_path, "/no/such/file", 5)
