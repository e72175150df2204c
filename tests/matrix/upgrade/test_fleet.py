"""Two hundred hosts that are folders of this machine, two in a hundred of them broken.

Long: `make upgrade-test`.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.real.upgrade.test_command import common, harden, inventory, never_comes_up
from tests.support.upgrade.standin import Signer, Site

HOSTS = int(os.environ.get("HARDEN_FLEET", "200"))
BROKEN = tuple(f"h{number}" for number in range(HOSTS // 12, HOSTS, 50))
"""Two in a hundred, where there are two hundred."""


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Site]]:
    folder = tmp_path_factory.mktemp("fleet")
    made = [Site(folder / f"h{number}").lay_out() for number in range(HOSTS)]
    try:
        yield made
    finally:
        for one in made:
            one.stop()


def states(path: Path) -> dict[str, str]:
    report = json.loads(path.read_text())
    return {s["id"]: s["stats"]["state"] for s in report["subjects"] if s["kind"] == "host"}


def test_the_canary_stops_a_bad_change_then_a_good_one_reaches_all_but_the_broken(
    fleet: list[Site], signer: Signer, tmp_path: Path
) -> None:
    hosts = inventory(fleet, tmp_path / "hosts", broken=BROKEN)
    words = [*common(signer, fleet[0], hosts), "--skip-failed-preflight"]
    before = {one.root.name: one.declared() for one in fleet}

    code, out, err = harden(
        "apply", signer.bundle("fails-half"), *words, "--report", "json=bad.json", cwd=tmp_path
    )
    assert code == 6, out + err
    found = states(tmp_path / "bad.json")
    assert len(found) == HOSTS
    assert [name for name, state in found.items() if state == "rolled-back"] == ["h0"]
    assert sorted(name for name, state in found.items() if state == "unfit") == sorted(BROKEN)
    assert {one.whole(before[one.root.name]) for one in fleet} == {"old"}

    code, out, err = harden("apply", signer.bundle(), *words, "--report", "json=good.json", cwd=tmp_path)
    assert code == 7, out + err
    found = states(tmp_path / "good.json")
    assert sorted(name for name, state in found.items() if state == "unfit") == sorted(BROKEN)
    assert sum(state == "committed" for state in found.values()) == HOSTS - len(BROKEN)
    ended = {one.root.name: one.whole(before[one.root.name]) for one in fleet}
    assert {name for name, release in ended.items() if release == "old"} == set(BROKEN)


def test_a_host_that_breaks_on_the_way_stops_the_rest(signer: Signer, tmp_path: Path) -> None:
    """The second batch holds a host whose service does not come up: it and the canary are rolled back, and the third batch is not begun."""
    sites = [Site(tmp_path / f"h{number}").lay_out() for number in range(12)]
    try:
        never_comes_up(sites[1])
        before = [one.declared() for one in sites]
        hosts = inventory(sites, tmp_path / "hosts")
        code, out, err = harden("apply", signer.bundle(), *common(signer, sites[0], hosts), "--report", "json=r.json",
                                cwd=tmp_path)  # fmt: skip
        assert code == 6, out + err
        found = states(tmp_path / "r.json")
        assert (found["h0"], found["h1"]) == ("rolled-back", "rolled-back")
        assert [one.whole(was) for one, was in zip(sites, before, strict=True)] == ["old"] * 12
        assert {found[f"h{number}"] for number in range(2, 12)} == {"untouched"}
    finally:
        for one in sites:
            one.stop()


def test_what_was_written_to_since_is_kept_and_named(signer: Signer, tmp_path: Path) -> None:
    """One after the other: while h4 fails, h0 is written to, and h2 wants to stay; the others are rolled back."""
    sites = [Site(tmp_path / f"h{number}").lay_out() for number in range(6)]
    try:
        never_comes_up(sites[4], then=f"echo by hand >>{sites[0].root}/etc/standin/standin.conf")
        before = [one.declared() for one in sites]
        hosts = inventory(sites, tmp_path / "hosts")
        text = hosts.read_text().replace("h2 ", "h2 harden_undo_on_failure=false ")
        hosts.write_text(text)
        words = [*common(signer, sites[0], hosts), "-e", "harden_serial=1", "--report", "json=r.json"]
        code, out, err = harden("apply", signer.bundle(), *words, cwd=tmp_path)
        assert code == 7, out + err
        found = states(tmp_path / "r.json")
        assert found == {
            **dict.fromkeys(("h1", "h3", "h4"), "rolled-back"),
            "h0": "kept",
            "h2": "kept",
            "h5": "untouched",
        }
        assert [one.whole(was) for one, was in zip(sites, before, strict=True)] == ["new", "old"] * 2 + [
            "old"
        ] * 2
        assert "by hand" in (sites[0].root / "etc/standin/standin.conf").read_text()
        assert "/etc/standin was changed since the upgrade" in out
        code, out, err = harden("apply", signer.bundle(), *words, "--keep-done", cwd=tmp_path)
        assert code == 7, out + err
        ended = states(tmp_path / "r.json")
        assert ended == {"h0": "current", "h2": "current", "h4": "rolled-back",
                         "h1": "committed", "h3": "committed", "h5": "untouched"}  # fmt: skip
    finally:
        for one in sites:
            one.stop()
