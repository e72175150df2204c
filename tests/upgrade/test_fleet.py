"""Two hundred hosts that are folders of this machine, two in a hundred of them broken.

Long: `make upgrade-test`.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.upgrade.standin import Signer, Site
from tests.upgrade.test_command import common, harden, inventory

pytestmark = pytest.mark.long

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
    words = [*common(signer, fleet[0], hosts), "--skip-unfit"]
    before = {one.root.name: one.declared() for one in fleet}

    code, out, err = harden(
        "apply", signer.bundle("fails-half"), *words, "--report", "json=bad.json", cwd=tmp_path
    )
    assert code == 6, out + err
    found = states(tmp_path / "bad.json")
    assert len(found) == HOSTS
    assert [name for name, state in found.items() if state == "rolledback"] == ["h0"]
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
    """The second batch holds a host whose service does not come up: it is led back, and the third batch is not begun."""
    sites = [Site(tmp_path / f"h{number}").lay_out() for number in range(12)]
    try:
        bad = sites[1]
        bad.put("etc/init/standin", (bad.root / "etc/init/standin").read_text().replace(
            "  up && exit 0", "  up && exit 0; grep -q 2.0 $R/opt/standin/htmlroot/runtime.ver && exit 1"), 0o755)  # fmt: skip
        before = [one.declared() for one in sites]
        hosts = inventory(sites, tmp_path / "hosts")
        code, out, err = harden("apply", signer.bundle(), *common(signer, sites[0], hosts), "--report", "json=r.json",
                                cwd=tmp_path)  # fmt: skip
        assert code == 7, out + err
        found = states(tmp_path / "r.json")
        assert (found["h0"], found["h1"]) == ("committed", "rolledback")
        assert [one.whole(was) for one, was in zip(sites, before, strict=True)] == ["new", *["old"] * 11]
        assert {found[f"h{number}"] for number in range(2, 12)} == {"untouched"}
    finally:
        for one in sites:
            one.stop()
