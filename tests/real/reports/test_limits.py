"""Fifty thousand findings within what code scanning takes."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable

from hardening.findings import Run, Severity
from hardening.reports import render


def test_fifty_thousand_findings_keep_to_the_limits(make_crowd: Callable[[int], Run]) -> None:
    data = render("sarif", make_crowd(50_000), fail_on=Severity.MEDIUM)
    assert len(gzip.compress(data, 6)) < 10 << 20
    (run,) = json.loads(data)["runs"]
    assert len(run["results"]) == 25_000
    assert "25000 results are left out" in json.dumps(run["invocations"])
