"""The table of faults in docs/hosts-measured.md is what the matrix saw, and the matrix saw the agent as it is now."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from itertools import groupby
from pathlib import Path

from hardening.host import onhost_request
from hardening.host.plans import plan as planning
from tests.support.host.little import Little
from tests.support.hosts import matrix, matrix_table


def test_the_page_shows_what_was_seen() -> None:
    assert matrix_table.page() == matrix_table.PAGE.read_text(encoding="utf-8")


def test_every_cell_that_was_run_ended_old_or_new() -> None:
    seen = json.loads(matrix_table.SEEN.read_text())
    assert list(seen["ends"]) == list(seen["steps"]) == ["el6like", "el7like", "el8like"]
    for host, faults in seen["ends"].items():
        assert set(faults) <= set(matrix.FAULTS)
        for ends in faults.values():
            assert len(ends) == len(seen["steps"][host])
            assert set(ends) <= {"o", "n"}


def test_the_matrix_saw_every_step_of_the_agent_as_it_is(tmp_path: Path) -> None:
    """A step that came to the agent since has to go through the matrix: `make matrix-test`."""
    little = Little(tmp_path / "host")
    plan = replace(
        little.plan(a="a = new\\n"),
        commands=(planning.Command(name="flag", do=("/bin/true",), undo=("/bin/true",)),),
        remove=(str(little.etc / "b.conf"),),
        deadman=20,
        settle=0.1,
        probes=({"kind": "path", "path": str(little.etc)},),
    )
    steps: list[str] = []
    request: dict[str, object] = {"verb": "apply", "plan": plan.to_json()}
    for _ in range(2):
        done = subprocess.run(
            [sys.executable, "-"],
            input=matrix.program({**request, "state": str(little.state), "root": "/"}, at=0, folder=str(tmp_path)),
            capture_output=True, check=False,
        )  # fmt: skip
        answer, _, named = done.stdout.decode().partition("\n@@STEPS@@")
        steps += named.split(",")
        found = onhost_request.answer(answer, complaint=done.stderr.decode())
        request = {"verb": "confirm", "id": found["tx"]}
    assert found["state"] == "committed"
    (seen,) = {tuple(one) for one in json.loads(matrix_table.SEEN.read_text())["steps"].values()}

    def own(names: object) -> list[str]:
        return [name for name, _ in groupby(n for n in names if not n.startswith(("run ", "keep ")))]  # type: ignore[attr-defined]  # lists and tuples

    assert own(steps) == own(seen)
