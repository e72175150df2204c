"""The faults of a release that go the way of others, and the Python between the oldest and the newest."""

from __future__ import annotations

import pytest

from tests.real.upgrade import test_upgrader as quick
from tests.support.upgrade.standin import Signer, Site


def test_new_then_proved_then_back_byte_for_byte(site: Site, signer: Signer) -> None:
    quick.test_new_then_proved_then_back_byte_for_byte(site, signer, "3.6")


@pytest.mark.parametrize("fault", quick.LIKE_OTHERS)
def test_a_bad_release_is_led_back(site: Site, signer: Signer, fault: str) -> None:
    quick.test_a_bad_release_is_led_back(site, signer, fault)
