"""The host audit in the verify stage: what had to go is gone, nothing worse has come, or the host is rolled back."""

from __future__ import annotations

from pathlib import Path

from tests.real.upgrade.test_admission import ADMINER
from tests.real.upgrade.test_command import common, harden, inventory
from tests.real.upgrade.test_hostaudit import WEB, found, said, verified
from tests.support.upgrade.standin import Signer, Site, conductor


def test_with_never_it_is_reported_and_stays(site: Site, signer: Signer, tmp_path: Path) -> None:
    site.put(f"{WEB}/adminer.php", ADMINER)
    before = site.declared()
    words = [*common(signer, site, inventory([site], tmp_path / "hosts")), "--report", "json=r.json"]
    code, out, err = harden("apply", signer.bundle(), *words, "--fail-on", "never", cwd=tmp_path)
    assert code == 5, out + err
    assert site.whole(before) == "new"
    assert [f["severity"] for f in found(tmp_path, "component/adminer")] == ["high"]
    assert said(tmp_path)["verdict"] == "pass"


def test_verify_says_what_of_a_host_it_could_not_look_at(site: Site, signer: Signer, tmp_path: Path) -> None:
    assert conductor(site, signer.bundle()).install()["state"] == "installed"
    control = conductor(site, signer.bundle())
    assert control.finish(site.upgrades()[-1]["id"])["state"] == "committed"
    site.service("engine", "restart")
    site.put(f"{WEB}/old.iso", "x" * (33 << 20))
    code, row, said = verified(site, tmp_path)
    assert (code, row["verdict"]) == (4, "pass"), said
    assert "the host was not audited before the upgrade" in row["reason"]
    site.put(f"{WEB}/adminer.php", ADMINER)
    code, row, said = verified(site, tmp_path)
    assert (code, row["verdict"]) == (10, "fail"), said
