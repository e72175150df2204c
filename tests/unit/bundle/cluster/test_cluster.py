"""Bundles on a real scheduler with real workers, from a real S3 server; one worker is killed while it works."""

from __future__ import annotations

import os
from importlib.util import find_spec

import pytest

from bundle import audit
from bundle.cluster import submit
from bundle.cluster.submit import audit_on
from bundle.cluster.work import fetched
from hardening.demo import specimen
from hardening.errors import ExitCode, UsageError

for _module in ("distributed", "moto"):
    if find_spec(_module) is None:
        pytest.skip(f"could not import {_module!r}", allow_module_level=True)


@pytest.mark.parametrize(
    "scheduler",
    ["192.0.2.1:8786", "ws://192.0.2.1:8786", "tcp://127.example.org:8786", "127.example.org:8786", "tcp://[2001:db8::1]:8786"],
)  # fmt: skip
def test_no_spelling_of_an_address_sends_secrets_in_clear(scheduler: str) -> None:
    """Without a scheme Dask speaks TCP, and a name that begins with 127 is anybody's."""
    with pytest.raises(UsageError, match="in clear"):
        audit_on(scheduler, [], passwords=[b"building"])


@pytest.mark.parametrize(
    "scheduler", ["127.0.0.1:8786", "tcp://127.1.2.3:8786", "localhost:1", "tcp://[::1]:8786"]
)
def test_this_machine_is_no_way_to_listen_on(scheduler: str) -> None:
    assert submit._loopback(scheduler)


def test_a_copy_has_no_name() -> None:
    """What was fetched is read through an open file and is called by its address."""
    fsspec = pytest.importorskip("fsspec")
    with fsspec.open("memory://store/one.zip", "wb") as out:
        out.write(specimen.bundle())
    path = fetched("memory://store/one.zip", 1 << 20)
    try:
        made = audit(path, called={path: "memory://store/one.zip"})
    finally:
        os.close(int(path.rpartition("/")[2]))
    assert made.exit_code() is ExitCode.FINDINGS
    assert {finding.subject for finding in made.findings} == {"memory://store/one.zip"}
    assert not any("/proc/" in finding.where + finding.message for finding in made.findings)
