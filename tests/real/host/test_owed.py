"""What an undo could not make good, such as a service that does not start, is tried again by the host itself."""

from __future__ import annotations

import time
from typing import Any

from tests.support.host.little import Little


def owing(little: Little) -> dict[str, Any]:
    """Apply a change whose reload fails, also when it is undone; return the answer."""
    good = f"cat {little.etc}/*.conf > {little.root}/run/loaded; echo x >> {little.reloads}"
    little.script(
        "reload", f"echo x >> {little.root}/run/tries; test ! -e {little.root}/run/broken || exit 1; {good}"
    )
    (little.root / "run" / "broken").touch()
    answer = little.ask("apply", little.plan(a="a = new\n"))
    assert (answer["state"], answer["owed"]["services"]) == ("rolled-back", ["little"]), answer
    assert little.config()["a.conf"] == "a = old\n"
    return answer


def tries(little: Little) -> int:
    return len((little.root / "run" / "tries").read_text().splitlines())


def test_the_guard_goes_on_until_the_service_has_been_told(aged: Little) -> None:
    answer = owing(aged)
    told, deadline = aged.told(), time.monotonic() + 30
    while tries(aged) < 4:  # the change, its undo, and the guard twice
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert aged.told() == told
    (aged.root / "run" / "broken").unlink()
    while aged.ask("status")["transactions"][-1]["owed"]:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert (aged.told(), aged.loaded()) == (told + 1, aged.config_text())
    journal = (aged.state / "tx" / answer["tx"] / "journal").read_bytes()
    assert journal.count(b'"rolled-back"') == 2  # what changed nothing is not written down
    time.sleep(5)
    assert aged.told() == told + 1


def test_an_uninstall_ends_it(little: Little) -> None:
    owing(little)
    assert little.ask("uninstall")["state"] == "uninstalled"
    had = tries(little)
    time.sleep(5)
    assert (little.state.exists(), tries(little)) == (False, had)
