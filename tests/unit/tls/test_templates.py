"""Templates that lack a variable say so; what they write is held by the golden files."""

from __future__ import annotations

import pytest

from hardening.errors import HardeningError
from hardening.tls.rendering import templates


def test_a_variable_that_is_missing_is_an_error() -> None:
    with pytest.raises(HardeningError, match=r"tls/_header\.j2: 'comment' is undefined"):
        templates.text("tls/_header.j2")
