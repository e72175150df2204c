"""Known faults, asked about harmlessly: seen where they really are, and nowhere else."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from hardening.findings import Run
from hardening.tls import policy
from hardening.tls.scan.run import ScanSettings, scan
from tests.real.tls.scan.test_old_stacks import NODE_SCRIPT, PROGRAM, keys, old_server
from tests.support.tls import oracles
from tests.support.tls.scan.flawed import PaddingOracle, serving, tickets
from tests.support.tls.scan.old_node import node

__all__ = ["keys"]


def _scan(endpoint: str) -> tuple[dict[str, bool | None], set[str]]:
    run: Run = scan([endpoint], [policy.load("aspect")], ScanSettings(vulnerabilities=True))
    seen = run.subjects[0].stats.get("vulnerabilities", {})
    assert isinstance(seen, dict)
    return seen, {
        f.rule.id.removeprefix("tls/vulnerability-") for f in run.findings if "vulnerab" in f.rule.id
    }


def test_openssl_1_0_1e_has_heartbleed_and_takes_an_early_ccs(keys: Path) -> None:
    """The real library of February 2013, inside node 0.10.1."""
    (keys / "server.js").write_text(NODE_SCRIPT)
    with old_server([str(node()), "server.js"], keys, dict(os.environ)) as endpoint:
        seen, found = _scan(endpoint)
    assert found == {"heartbleed", "ccs-injection"}
    assert seen == {"heartbleed": True, "ccs_injection": True, "robot": False, "ticketbleed": False}


@pytest.mark.parametrize("build", ["1.0.1e-el6", "1.0.2k-el7"])
def test_patched_libraries_have_none_of_them(build: str, keys: Path) -> None:
    """Red Hat's 1.0.1e carries the same version as the faulty one, and its repairs."""
    oracle = oracles.needed(build)
    environment = {**os.environ, "LD_LIBRARY_PATH": str(oracle.folder)}
    with old_server(
        [sys.executable, str(PROGRAM), str(oracle.folder), str(keys)], keys, environment
    ) as endpoint:
        seen, found = _scan(endpoint)
    assert not found
    assert seen == dict.fromkeys(("heartbleed", "ccs_injection", "robot", "ticketbleed"), False)


@pytest.mark.parametrize("flawed", [True, False])
def test_a_padding_oracle_is_told_from_a_server_that_says_nothing(flawed: bool) -> None:
    with serving(PaddingOracle(flawed=flawed).serve) as endpoint:
        seen, found = _scan(endpoint)
    assert seen["robot"] is flawed
    assert found == ({"robot"} if flawed else set())


@pytest.mark.parametrize("flawed", [True, False])
def test_session_ids_that_grow_are_seen(flawed: bool, tmp_path: Path) -> None:
    with tickets(tmp_path, flawed=flawed) as endpoint:
        seen, found = _scan(endpoint)
    assert seen["ticketbleed"] is flawed
    assert found == ({"ticketbleed"} if flawed else set())
