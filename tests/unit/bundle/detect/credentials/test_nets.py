"""Of a long line no more is looked at than a match can reach; where quotes come in pairs nothing is lost by it."""

from __future__ import annotations

import random

import pytest

from bundle.detect.credentials.checks import CHECKS
from bundle.detect.credentials.nets import by_net
from bundle.detect.credentials.rules.catch import Catch
from bundle.detect.credentials.rules.families import Net, shipped
from bundle.detect.credentials.rules.pattern_gate import PatternGate
from bundle.detect.credentials.texts.textview import View


def hits(net: Net, text: str) -> list[int]:
    return list(PatternGate([net.gate]).hits(text.encode()).get(0, []))


def caught(net: Net, text: str) -> set[Catch]:
    return set(by_net(View(text.encode()), net, hits(net, text)))


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
            CHECKS[net.check](Catch(*m.span("secret"), m["secret"], service=net.service, row=net.id), m)
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
