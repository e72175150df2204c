"""A server that takes a scan long offers what is read."""

from __future__ import annotations

from tests.real.tls.targets import test_which_line_holds as quick


def test_a_real_server_offers_what_is_read() -> None:
    quick.test_a_real_server_offers_what_is_read(quick.SLOW)
