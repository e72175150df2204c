"""Of a long line no more is looked at than a match can reach; where quotes come in pairs nothing is lost by it."""

from __future__ import annotations

import random
import re
from dataclasses import replace

import pytest

from bundle.detect.credentials.checks import CHECKS
from bundle.detect.credentials.nets import by_net
from bundle.detect.credentials.rules.catch import Catch
from bundle.detect.credentials.rules.families import Net, shipped
from bundle.detect.credentials.rules.gate import PatternGate
from bundle.detect.credentials.texts.textview import View

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
"""What else is before a value, by the check of the net: defaults behind what a program asks for."""


def hits(net: Net, text: str) -> list[int]:
    return list(PatternGate([net.gate]).hits(text.encode()).get(0, []))


def caught(net: Net, text: str) -> set[Catch]:
    return set(by_net(View(text.encode()), net, hits(net, text)))


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


FOLLOWING = [net for family in shipped() for net in family.nets if net.back]
LINES = (
    "q=Marble44gate", 'q="Marble-gate45"; who=feeder', "q=$1", "word='Marble46gate'", "local word=$2", "qq=Marble47gate", "echo start", "", "# q=", "# what follows is the site's" * 9,
    'sshpass -p "$q" ssh root@h', "echo root:$word | chpasswd", 'echo "$q" | passwd --stdin feeder', "openssl enc -pass pass:${q} -in f", "curl -s -u feeder:$q http://h/", "unzip -P $word f.zip",
    "mysql -u root -p$q site", "curl http://h/", "redis-cli -a $word ping", "x=$(PGPASSWORD=$q psql)",
)  # fmt: skip


@pytest.mark.parametrize("net", FOLLOWING, ids=lambda net: net.gate[:20])
def test_a_line_without_a_match_alone_is_left_unread(net: Net) -> None:
    pick = random.Random(net.gate)
    found = 0
    for _ in range(1000):
        text = "".join(f"{pick.choice(LINES)}\n" for _ in range(pick.randint(2, 25)))
        every = (
            CHECKS[net.check](Catch(*m.span("secret"), m["secret"], service=net.service), m)
            for m in net.regex.finditer(text)
        )
        whole = {one for one in every if one is not None}
        assert caught(net, text) == whole, text
        found += bool(whole)
    assert found > 200


def test_what_was_given_too_far_above_is_not_looked_for() -> None:
    for net in FOLLOWING:
        use = "sshpass -p $q x\n" if "sshpass" in net.gate else "unzip -P $q f\n"
        near, far = "#\n" * 100, "#\n" * net.back
        assert caught(net, f"q=Marble44gate\n{near}{use}")
        assert not caught(net, f"q=Marble44gate\n{far}{use}")
