"""Every server with all it has switched on, and the slow ones with nothing set."""

from __future__ import annotations

from itertools import product

import pytest

from tests.real.tls.targets import test_loose_servers as quick

CIPHERS = ("ALL", "ALL:@SECLEVEL=0")
OTHERS = [one for one in product(sorted(quick.LOOSE), CIPHERS) if one not in quick.QUICK]


@pytest.mark.parametrize(("name", "ciphers"), OTHERS)
def test_everything_switched_on_is_read_as_it_is_offered(name: str, ciphers: str) -> None:
    quick.test_everything_switched_on_is_read_as_it_is_offered(name, ciphers)


@pytest.mark.parametrize("name", sorted(quick.SLOW & quick.SILENT.keys()))
def test_what_nobody_sets_is_read_as_the_server_s_own(name: str) -> None:
    quick.test_what_nobody_sets_is_read_as_the_server_s_own(name)
