"""The servers that take a scan long: what is rendered, audited and scanned is the same."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.real.tls.targets import test_real_servers as quick


@pytest.mark.parametrize(("kind", "policy"), quick.KINDS)
@pytest.mark.parametrize("name", sorted(quick.SLOW))
def test_rendered_audited_and_scanned_agree(name: str, policy: str, kind: str, folder: Path) -> None:
    quick.test_rendered_audited_and_scanned_agree(name, policy, kind, folder)
