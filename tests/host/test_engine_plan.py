"""What a new port means for firewall and SELinux, per kind of host; what is open is closed once the engine has left."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from dataclasses import replace
from typing import Any

import pytest

from hardening.engine import iptables
from hardening.errors import InputError, RefusedError, UsageError
from hardening.host import engine_plan

CONFIG = "/srv/engine.properties"
WISH = engine_plan.Wish(port=7300, config=CONFIG, by="alice")


def facts(
    *, configured: int, running: int, firewall: str, selinux: str, pending: Any = None
) -> dict[str, Any]:
    data = f"engine.port={configured}\n".encode()
    ports = dict.fromkeys((running, *((pending["configured"], pending["previous"]) if pending else ())))
    rules = [f"-A INPUT {iptables.plain(port)}\n" for port in ports]
    return {
        "firewall": firewall,
        "selinux": selinux,
        "time": "2026-01-01T00:00:00Z",
        "pending": [pending] if pending else [],
        "listeners": [{"port": running, "address": "0.0.0.0", "pid": 9, "process": "java"}],
        "said": ["-P INPUT ACCEPT\n" + "".join(rules)],
        "files": [
            {
                "path": path,
                "content": base64.b64encode(text).decode(),
                "sha256": hashlib.sha256(text).hexdigest(),
            }
            for path, text in (
                (CONFIG, data),
                (iptables.SAVED, f"*filter\n{''.join(rules)}COMMIT\n".encode()),
            )
        ],
    }


@pytest.mark.parametrize(
    ("firewall", "words"), [("firewalld", "--add-port=7300/tcp"), ("iptables", "--dport 7300")]
)
def test_the_new_port_opens_beside_the_old(firewall: str, words: str) -> None:
    plan = engine_plan.plan(
        WISH, facts(configured=7226, running=7226, firewall=firewall, selinux="enforcing")
    )
    did = [" ".join(command.do) for command in plan.commands]
    assert any(words in line for line in did)
    assert any("semanage port -a -t http_port_t -p tcp 7300" in line for line in did)
    assert not any("7226" in line for line in did)
    assert plan.services == ()
    assert all(command.undo and command.check for command in plan.commands)


def test_an_account_that_sees_no_process_is_told_so() -> None:
    """To others than root `show` said `running=none restart pending`, and a change that the port is a stranger's."""
    now = facts(configured=7226, running=7226, firewall="none", selinux="disabled")
    now["listeners"] = [{"port": 7226, "address": "0.0.0.0", "pid": None, "process": ""}]
    now["uid"] = 1000
    for ask in (engine_plan.seen, engine_plan.plan):
        with pytest.raises(InputError, match="only root sees which process listens"):
            ask(WISH, now)
    assert engine_plan.seen(WISH, {**now, "listeners": []}).running == ()


@pytest.mark.parametrize("firewall", ["firewalld", "iptables"])
def test_the_old_port_closes_once_the_engine_is_seen_on_the_new(firewall: str) -> None:
    pending = {"name": "control-engine", "configured": 7300, "previous": 7226, "process": "java",
               "since": "2026-01-01T00:00:00Z", "by": "alice", "running": [7300], "resolved": True}  # fmt: skip
    now = facts(configured=7300, running=7300, firewall=firewall, selinux="enforcing", pending=pending)
    plan = engine_plan.plan(WISH, now)
    closing = [c for c in plan.commands if "7226" in " ".join(c.do)]
    assert any("semanage port -d" in " ".join(c.do) for c in closing)
    assert {c.check[:2] for c in closing} == {("/bin/sh", "-c")}
    assert plan.remove == (engine_plan.PENDING,)


@pytest.mark.parametrize("firewall", ["firewalld", "iptables"])
def test_the_record_says_how_the_host_closes_the_old_port_by_itself(firewall: str) -> None:
    """What the host does alone and what the next run would do are the same."""
    now = facts(configured=7226, running=7226, firewall=firewall, selinux="enforcing")
    plan = engine_plan.plan(WISH, now)
    record = json.loads(next(one.content for one in plan.files if one.path == engine_plan.PENDING))
    told = {
        **{k: v for k, v in record.items() if k not in ("close", "motd", "saved")},
        "running": [7300],
        "resolved": True,
    }
    seen = facts(configured=7300, running=7300, firewall=firewall, selinux="enforcing", pending=told)
    later = [one.to_json() for one in engine_plan.plan(WISH, seen).commands if "7226" in one.name]
    assert record["close"] == later
    assert later
    assert record["motd"] == {"path": "/etc/motd", "mark": engine_plan.MOTD_MARK}


@pytest.mark.parametrize("said", ["", "/bin/sh: iptables: not found", "Permission denied (you must be root)"])
def test_a_host_whose_iptables_says_nothing_is_refused_by_name(said: str) -> None:
    now = facts(configured=7226, running=7226, firewall="iptables", selinux="disabled")
    with pytest.raises(
        InputError, match=re.escape(f"iptables does not say its rules: {said or 'no output'}")
    ):
        engine_plan.plan(WISH, {**now, "said": [said]})
    assert engine_plan.plan(replace(WISH, firewall=False), {**now, "said": []}).commands == ()


def test_saved_rules_that_are_a_link_are_refused_by_name() -> None:
    now = facts(configured=7226, running=7226, firewall="iptables", selinux="disabled")
    with pytest.raises(InputError, match="/etc/sysconfig/iptables is a link"):
        engine_plan.plan(WISH, {**now, "files": now["files"][:1]})


@pytest.mark.parametrize(
    ("text", "port", "yes"),
    [
        ("-p tcp -m tcp --dport 7226 -j ACCEPT", 7226, True),
        ("-p tcp -m tcp --dport 7226 -j ACCEPT", 722, False),
        ("-p udp -m udp --dport 7226 -j ACCEPT", 7226, False),
        ("-p tcp -m tcp --dport 7226 -j DROP", 7226, False),
        ("-p tcp -m tcp ! --dport 7226 -j ACCEPT", 7226, False),
        ("-p tcp -m tcp --dport 7000:8000 -j ACCEPT", 7226, False),
        ("-p tcp -m multiport --dports 443,7226 -j ACCEPT", 7226, False),
        ('-p tcp -m comment --comment "--dport 7226 -j ACCEPT" -m tcp --dport 443 -j ACCEPT', 7226, False),
        (r'-p tcp -m comment --comment "the engine\'s \"port\"" -m tcp --dport 7226 -j ACCEPT', 7226, True),
    ],
)
def test_which_rules_let_a_port_in(text: str, port: int, yes: bool) -> None:
    assert iptables.lets_in(text, port) is yes


@pytest.mark.parametrize(
    ("text", "line", "before"),
    [
        ("*filter\n:INPUT DROP [0:0]\nCOMMIT\n", iptables.plain(7300), "COMMIT"),
        ("*filter\n[1:60] -A INPUT -i lo -j ACCEPT\nCOMMIT\n", iptables.plain(7300), "[1:60]"),
        ("*mangle\n-A INPUT -j ACCEPT\nCOMMIT\n*filter\nCOMMIT\n", iptables.plain(7300), "COMMIT\n"),
        ("*filter\r\n-A INPUT -j DROP\r\nCOMMIT\r\n", iptables.plain(7300) + "\r", "-A INPUT -j DROP"),
    ],
)
def test_saved_rules_are_edited_in_the_filter_alone_and_give_the_file_back(
    text: str, line: str, before: str
) -> None:
    made = iptables.opened(text, 7300, 7226)
    assert f"{line}\n{before}" in made
    assert (made.index("*filter") < made.index(line), iptables.closed(made, 7300)) == (True, text)
    assert iptables.opened(made, 7300, 7226) == made


def test_saved_rules_without_a_filter_stay_as_they_are() -> None:
    assert iptables.opened("*nat\nCOMMIT\n", 7300, 7226) == "*nat\nCOMMIT\n"


def test_a_host_without_firewall_and_selinux_gets_no_commands() -> None:
    plan = engine_plan.plan(WISH, facts(configured=7226, running=7226, firewall="none", selinux="disabled"))
    assert plan.commands == ()
    assert [one.path for one in plan.files] == [CONFIG, engine_plan.PENDING]


@pytest.mark.parametrize("raw", [{"prt": 1}, {"restart": "soon"}, {"port": "x"}])
def test_a_wish_that_is_not_understood_names_the_key(raw: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="control engine"):
        engine_plan.Wish.of(raw)


def test_a_wish_as_a_playbook_writes_it_is_the_same_with_the_products_words_for_what_is_empty() -> None:
    wish = engine_plan.Wish.of(
        {"port": "7300", "clients": ["/a"], "config": "", "by": None, "restart": "ask"}
    )
    assert wish == engine_plan.Wish(port=7300, clients=("/a",), restart="ask")
    product, config, key, process = wish.settings()
    assert (config, key, process) == (product.place("engine-config").path, product.key, product.process)
    with pytest.raises(UsageError, match="unknown product"):
        replace(wish, product="other").settings()


def test_a_host_without_the_configuration_is_told_so() -> None:
    now = facts(configured=7226, running=7226, firewall="none", selinux="disabled")
    with pytest.raises(InputError, match=f"^{CONFIG} is no file on this host$"):
        engine_plan.plan(WISH, {**now, "files": now["files"][1:]})


def test_a_configured_port_that_another_program_took_is_refused() -> None:
    now = facts(configured=7300, running=7226, firewall="none", selinux="disabled")
    now["listeners"].append({"port": 7300, "address": "::", "pid": 4, "process": "squid"})
    with pytest.raises(RefusedError, match="squid"):
        engine_plan.plan(WISH, now)
