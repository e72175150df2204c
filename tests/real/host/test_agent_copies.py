"""What an undo stands on: a journal that was torn, kept copies that are gone or damaged, ACLs that a folder hands down."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.host.little import Little


def marked(path: Path, mark: str) -> bool:
    return subprocess.run(["chattr", mark, path], capture_output=True, check=False).returncode == 0


@pytest.mark.parametrize("verb", ["apply", "check"])
@pytest.mark.parametrize("what", ["b.conf", "."])
@pytest.mark.skipif(shutil.which("chattr") is None, reason="no chattr here")
def test_what_is_immutable_is_named_before_the_first_change(aged: Little, what: str, verb: str) -> None:
    place = aged.etc / what
    if not marked(place, "+i"):
        pytest.skip("this file system or account keeps no such marks")
    try:
        answer = aged.ask(verb, aged.plan(a="a = new\n", b="b = new\n"))
    finally:
        marked(place, "-i")
    assert (answer["failed"], answer["state"]) == (True, "refused")
    assert answer["msg"] == (
        f"{place.resolve()} is immutable or append-only: remove that attribute first (chattr -i -a {place.resolve()})"
    )
    assert aged.config() == {"a.conf": "a = old\n", "b.conf": "b = old\n"}
