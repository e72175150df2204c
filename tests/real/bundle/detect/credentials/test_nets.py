"""Of a long line no more is looked at than a match can reach; where quotes come in pairs nothing is lost by it."""

from __future__ import annotations

import random
import re
from dataclasses import replace

import pytest

from bundle.detect.credentials.rules.families import Net, shipped
from tests.unit.bundle.detect.credentials.test_nets import caught, hits

NARROW = [net for family in shipped() for net in family.nets if net.within]


PIECES = (
    "pass", "$pass", "o.password", "user", "login", "$h{pwd}", "a['pw']", "User-", "PHP_AUTH_PW", "x" * 79, "y" * 300, ".value", ".val()", ")", "(", " ", "   ", "==", "===", "!=", " eq ",
    " ne ", "'Kx7#pQ2z!'", '"letmein"', "'admin'", '"Marble gate"', "'changeme'", "&&", ";", "if(", "é",
)  # fmt: skip


MORE = {
    "told": (
        'getenv("DB_PASSWORD")', f'getenv("{"D" * 60}_PASSWORD")', "config['db.pwd']", 'get("user_token", ', "getProperty('mail.secret')", " ?: ", "||", "??", " or ", ", ", ")",
        "jwtSecret: process.env.JWT || ", "dbPassword = settings.db ?? ", "site_pw = $v ?? 'Kx7#pQ2z!', ", 'token: x.y or "Kx7#pQ2z!";',
    ) * 4,
}  # fmt: skip
MORE["default"] = MORE["told"]
"""What else is before a value, by the check of the net: defaults behind what a program asks for."""


@pytest.mark.parametrize("net", NARROW, ids=lambda net: net.check)
def test_what_is_looked_at_is_enough(net: Net) -> None:
    pick = random.Random(net.gate)
    found = 0
    for _ in range(4000):
        pieces = [pick.choice((*PIECES, *MORE.get(net.check, ()))) for _ in range(pick.randint(10, 60))]
        text = re.sub(" {4,}", "   ", "".join(pieces))
        ends = hits(net, text)  # what is caught elsewhere in a line is caught by chance
        line = caught(replace(net, within=0), text)
        whole = {one for one in line if any(one.start - 2 <= end <= one.end + 1 for end in ends)}
        assert caught(net, text) >= whole, text
        found += bool(whole)
    assert found > 200
