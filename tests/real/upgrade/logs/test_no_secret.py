"""No report of a log holds a secret: forms in many languages, each with a secret drawn when the test runs."""

from __future__ import annotations

import base64
import random
import secrets
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.unit.upgrade.logs.test_no_secret import BARE, NAMED, PLAIN, _leaks, _letters, _run


def _jwt() -> str:
    parts = (b'{"alg":"HS256"}', b'{"sub":"%d"}' % random.randrange(10**9), secrets.token_bytes(32))
    return ".".join(base64.urlsafe_b64encode(one).decode().rstrip("=") for one in parts)


DRAWN: dict[str, Callable[[], str]] = {
    "letters and digits": lambda: _letters(14),
    "short": lambda: _letters(8),
    "lower case and digits": lambda: "q" + secrets.token_hex(6) + "x7z",
    "hex": lambda: secrets.token_hex(16),
    "base64": lambda: base64.b64encode(secrets.token_bytes(24)).decode(),
    "jwt": _jwt,
    "word and year": lambda: f"{random.choice(('Winter', 'Sommer', 'Herbst'))}{random.randrange(1990, 2030)}",
    "uuid": lambda: "-".join(secrets.token_hex(n) for n in (4, 2, 2, 2, 6)),
    "with signs": lambda: f"{_letters(6)}!{_letters(5)}%{_letters(4)}",
    "words and a digit": lambda: f"{random.choice(PLAIN)}-horse-battery{random.randrange(10)}",
    "few signs": lambda: f"a{random.choice('$!#')}{random.randrange(10)}K{random.choice('!%')}x",
    "in two quotes": lambda: f"{_letters(5)}'+'{_letters(6)}",
    "license": lambda: "-".join(f"{_letters(5)}" for _ in range(4)).upper(),
}


@pytest.mark.parametrize("kind", DRAWN)
def test_no_format_holds_a_secret_of_any_kind(tmp_path: Path, kind: str) -> None:
    secret = DRAWN[kind]()
    forms = [form.replace("SECRET", secret) for _, form in NAMED + BARE]
    made = _run(tmp_path, forms)
    assert _leaks(made, secret) == []
