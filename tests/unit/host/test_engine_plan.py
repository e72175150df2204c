"""What a new port means for firewall and SELinux, per kind of host; what is open is closed once the engine has left."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from dataclasses import replace
from typing import Any

import pytest

from hardening.errors import InputError, RefusedError, UsageError
from hardening.host.plans import engine
from hardening.host.plans.engine_firewall import SAVED, Firewall

CONFIG = "/srv/engine.properties"
WISH = engine.DesiredPort(port=7300, config=CONFIG, by="alice")


def facts(
    *, configured: int, running: int, firewall: str, selinux: str, pending: Any = None
) -> dict[str, Any]:
    data = f"engine.port={configured}\n".encode()
    ports = dict.fromkeys((running, *((pending["configured"], pending["previous"]) if pending else ())))
    rules = "".join(f"-A INPUT -p tcp -m tcp --dport {port} -j ACCEPT\n" for port in ports)
    return {
        "filters": filters(firewall, rules, [f"{port}/tcp" for port in ports]),
        "selinux": selinux,
        "time": "2026-01-01T00:00:00Z",
        "pending": [pending] if pending else [],
        "listeners": [{"port": running, "address": "0.0.0.0", "pid": 9, "process": "java"}],
        "files": [
            {
                "path": path,
                "content": base64.b64encode(text).decode(),
                "sha256": hashlib.sha256(text).hexdigest(),
            }
            for path, text in (
                (CONFIG, data),
                *(
                    [(SAVED["iptables"], f"*filter\n{rules}COMMIT\n".encode())]
                    if firewall == "iptables"
                    else []
                ),
            )
        ],
    }


def filters(kind: str, rules: str, ports: list[str]) -> dict[str, Any]:
    """Return what the agent says of a firewall: rules in force, or ports of the zone `public`."""
    zone = (
        f"public (active)\n  target: default\n  services: ssh\n  ports: {' '.join(ports)}\n  rich rules: \n"
    )
    said = {
        "firewall-cmd --state": [252, "not running\n"],
        "iptables -V": [0, "iptables v1.4.7\n"],
        "iptables-save": [0, ""],
    }
    if kind == "iptables":
        said["iptables-save"] = [0, f"*filter\n:INPUT ACCEPT [0:0]\n{rules}COMMIT\n"]
    if kind == "firewalld":
        said |= {f"firewall-cmd {word}--list-all-zones": [0, zone] for word in ("", "--permanent ")}
        said |= {
            f"firewall-cmd {word}--info-service=ssh": [0, "ssh\n  ports: 22/tcp\n"]
            for word in ("", "--permanent ")
        }
        said["firewall-cmd --list-all-policies"] = [2, "usage: ..."]
    legacy = {"iptables": ["filter"] if kind == "iptables" else [], "ip6tables": []}
    return {"firewalld": kind == "firewalld", "tables": [], "legacy": legacy, "said": said, "enabled": []}


@pytest.mark.parametrize(
    ("firewall", "words"), [("firewalld", "--add-port=7300/tcp"), ("iptables", "--dport 7300")]
)
def test_the_new_port_opens_beside_the_old(firewall: str, words: str) -> None:
    plan = engine.plan(WISH, facts(configured=7226, running=7226, firewall=firewall, selinux="enforcing"))
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
    for ask in (engine.seen, engine.plan):
        with pytest.raises(InputError, match="is unknown: only root sees it"):
            ask(WISH, now)
    assert engine.seen(WISH, {**now, "listeners": []}).running == ()


@pytest.mark.parametrize("firewall", ["firewalld", "iptables"])
def test_the_old_port_closes_once_the_engine_is_seen_on_the_new(firewall: str) -> None:
    pending = {"name": "control-engine", "configured": 7300, "previous": 7226, "process": "java",
               "since": "2026-01-01T00:00:00Z", "by": "alice", "running": [7300], "resolved": True}  # fmt: skip
    now = facts(configured=7300, running=7300, firewall=firewall, selinux="enforcing", pending=pending)
    plan = engine.plan(WISH, now)
    closing = [c for c in plan.commands if "7226" in " ".join(c.do)]
    assert any("semanage port -d" in " ".join(c.do) for c in closing)
    assert {c.check[:2] for c in closing} == {("/bin/sh", "-c")}
    assert plan.remove == (engine.PENDING,)


@pytest.mark.parametrize("firewall", ["firewalld", "iptables"])
def test_the_record_says_how_the_host_closes_the_old_port_by_itself(firewall: str) -> None:
    """What the host does alone and what the next run would do are the same."""
    now = facts(configured=7226, running=7226, firewall=firewall, selinux="enforcing")
    plan = engine.plan(WISH, now)
    record = json.loads(next(one.content for one in plan.files if one.path == engine.PENDING))
    told = {
        **{k: v for k, v in record.items() if k not in ("close", "motd", "saved")},
        "running": [7300],
        "resolved": True,
    }
    seen = facts(configured=7300, running=7300, firewall=firewall, selinux="enforcing", pending=told)
    later = [one.to_json() for one in engine.plan(WISH, seen).commands if "7226" in one.name]
    assert record["close"] == later
    assert later
    assert record["motd"] == {"path": "/etc/motd", "mark": engine.MOTD_MARK}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            {"said": {"iptables-save": [1, "Permission denied (you must be root)"]}},
            "iptables-save: Permission denied",
        ),
        ({"said": {"iptables-save": [125, "more than can be read"]}}, "iptables-save: more than can be read"),
        ({"tables": None}, "the kernel does not say which tables are loaded"),
        ({"legacy": None}, "the kernel does not say which tables are loaded"),
        ({"tables": [["inet", "site"]]}, "the table inet site is not made by firewalld or iptables"),
        ({"tables": [["ip", "filter"]]}, "the table ip filter is not made by firewalld or iptables"),
        (
            {
                "legacy": {"iptables": ["filter"]},
                "said": {
                    "iptables -V": [0, "iptables v1.8 (nf_tables)"],
                    "iptables-save": [0, ""],
                    "iptables-legacy-save": [0, "*filter\n:INPUT DROP [0:0]\nCOMMIT\n"],
                },
            },
            "rules are in force beside",
        ),
        (
            {"legacy": {"iptables": ["filter"]}, "said": {}},
            "iptables: tables are loaded (filter) and no program lists them",
        ),
        ({"enabled": ["firewalld"]}, "firewalld is enabled and does not run"),
        ({"enabled": ["nftables"]}, "nftables.service is enabled and no table is loaded"),
    ],
)
def test_a_filter_that_is_not_understood_is_refused_and_never_none(change: dict[str, Any], said: str) -> None:
    now = facts(configured=7226, running=7226, firewall="none", selinux="disabled")
    now["filters"] |= change
    with pytest.raises(RefusedError, match=re.escape(said)) as refused:
        engine.plan(WISH, now)
    assert "control_engine_firewall: false" in refused.value.hint
    assert "not understood" in Firewall.of(now, {}, "").kind
    assert Firewall.of(now, {}, "").lets_in(7226) is None
    assert engine.seen(WISH, now).unclear
    assert engine.plan(replace(WISH, firewall=False), {**now, "filters": None}).commands == ()


def test_a_host_that_was_not_asked_what_filters_is_refused() -> None:
    now = facts(configured=7226, running=7226, firewall="none", selinux="disabled")
    with pytest.raises(RefusedError, match="the firewall of the host was not examined"):
        engine.plan(WISH, {**now, "filters": None})


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"path": "/srv/rules", "asked": [SAVED["iptables"]]}, "is a link to /srv/rules"),
        (None, "is not a readable file"),
    ],
)
def test_saved_rules_that_are_a_link_or_too_large_are_refused_by_name(
    change: dict[str, Any] | None, said: str
) -> None:
    now = facts(configured=7226, running=7226, firewall="iptables", selinux="disabled")
    now["files"][1:] = [now["files"][1] | change] if change else []
    now["skipped"] = [] if change else [SAVED["iptables"]]
    with pytest.raises(RefusedError, match=f"/etc/sysconfig/iptables {said}"):
        engine.plan(WISH, now)


def test_a_host_without_firewall_and_selinux_gets_no_commands() -> None:
    plan = engine.plan(WISH, facts(configured=7226, running=7226, firewall="none", selinux="disabled"))
    assert plan.commands == ()
    assert [one.path for one in plan.files] == [CONFIG, engine.PENDING, engine.KNOWN]


@pytest.mark.parametrize("raw", [{"prt": 1}, {"restart": "soon"}, {"port": "x"}])
def test_a_wish_that_is_not_understood_names_the_key(raw: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="control engine"):
        engine.DesiredPort.of(raw)


def test_a_wish_as_a_playbook_writes_it_is_the_same_with_the_products_words_for_what_is_empty() -> None:
    wish = engine.DesiredPort.of(
        {"port": "7300", "clients": ["/a"], "config": "", "by": None, "restart": "ask"}
    )
    assert wish == engine.DesiredPort(port=7300, clients=("/a",), restart="ask")
    product, config, key, process = wish.settings()
    assert (config, key, process) == (product.place("engine-config").path, product.key, product.process)
    with pytest.raises(UsageError, match="unknown product"):
        replace(wish, product="other").settings()


def test_a_host_without_the_configuration_is_told_so() -> None:
    now = facts(configured=7226, running=7226, firewall="none", selinux="disabled")
    with pytest.raises(InputError, match=f"^{CONFIG} does not exist on this host$"):
        engine.plan(WISH, {**now, "files": now["files"][1:]})


def test_a_configured_port_that_another_program_took_is_refused() -> None:
    now = facts(configured=7300, running=7226, firewall="none", selinux="disabled")
    now["listeners"].append({"port": 7300, "address": "::", "pid": 4, "process": "squid"})
    with pytest.raises(RefusedError, match="squid"):
        engine.plan(WISH, now)


def _without(now: dict[str, Any], *paths: str) -> dict[str, Any]:
    return {**now, "files": [one for one in now["files"] if one["path"] not in paths]}


@pytest.mark.parametrize(
    ("wish", "text", "said", "next_step"),
    [
        ({"config": None}, "", "no source names the file that sets the engine's port", "--config FILE --key KEY"),
        ({}, "a=1\n", "no source names the key that sets the engine's port", "--key KEY"),
        ({"restart": "now"}, "engine.port=7226\n", "no source names the engine's service", "/home/MIX_CMIX/runjava."),
    ],
)  # fmt: skip
def test_a_change_that_needs_what_is_not_published_is_refused(
    wish: dict[str, Any], text: str, said: str, next_step: str
) -> None:
    now = facts(configured=7226, running=7226, firewall="none", selinux="disabled")
    now["files"][0]["content"] = base64.b64encode(text.encode()).decode()
    with pytest.raises(RefusedError, match=said) as raised:
        engine.plan(replace(WISH, **wish), now if text else _without(now, CONFIG))
    assert next_step in raised.value.hint
    named = {"config": CONFIG, "key": "port", "service": "mix"}
    assert engine.plan(replace(WISH, **{**wish, **named}), now).files


def test_a_file_and_key_of_an_earlier_change_need_not_be_named_again() -> None:
    now = facts(configured=7226, running=7226, firewall="none", selinux="disabled")
    now["files"][0]["content"] = base64.b64encode(b"MIX=7226\n").decode()
    now["engine"] = {"config": CONFIG, "key": "MIX", "process": "java"}
    plan = engine.plan(engine.DesiredPort(port=7300), now)
    assert next(one.content for one in plan.files if one.path == CONFIG) == b"MIX=7300\n"


def test_an_engine_with_an_unknown_file_is_shown_by_its_published_port() -> None:
    now = facts(configured=7226, running=7226, firewall="none", selinux="disabled")
    ports = {
        "path": "/usr/local/aam/etc/ports.txt",
        "content": base64.b64encode(b"WEB=80\nMIX=7226\n").decode(),
    }
    now["files"] = [{**ports, "sha256": ""}]
    seen = engine.seen(engine.DesiredPort(), now)
    assert seen.line.startswith("configured=7226 running=7226 (the published port: no source names the file")
    assert [(one.path, one.line) for one in seen.clients] == [(ports["path"], 2)]


@pytest.mark.parametrize(
    ("firewall", "address", "said"),
    [
        ("none", "0.0.0.0", "no firewall limits who reaches port 7226 over IPv4"),
        ("none", "::", "no firewall limits who reaches port 7226 over IPv4"),
        ("none", "127.0.0.1", ""),
        ("none", "::1", ""),
        ("iptables", "0.0.0.0", "the firewall (iptables) lets every host reach port 7226 over IPv4"),
        ("firewalld", "0.0.0.0", "the firewall (firewalld) lets every host reach port 7226 over IPv4"),
    ],
)
def test_a_port_that_every_host_reaches_is_reported(firewall: str, address: str, said: str) -> None:
    now = facts(configured=7226, running=7226, firewall=firewall, selinux="disabled")
    now["listeners"][0]["address"] = address
    seen = engine.seen(WISH, now)
    assert seen.open_to_all == said
    assert engine.described(seen)["open_to_all"] == said
    assert said in seen.line
    del now["filters"]
    assert engine.seen(WISH, now).open_to_all == ""


SITE = "192.0.2.0/24"


def _closed_to_ipv6(now: dict[str, Any]) -> None:
    said = {
        "ip6tables -V": [0, "ip6tables v1.4.7"],
        "ip6tables-save": [0, "*filter\n:INPUT DROP [0:0]\nCOMMIT\n"],
    }
    now["filters"]["said"].update(said)
    now["filters"]["legacy"]["ip6tables"] = ["filter"]


def _narrowed(firewall: str, **more: Any) -> Any:
    now = facts(configured=7226, running=7226, firewall=firewall, selinux="disabled")
    rules = "-A INPUT -p tcp -m tcp --dport 7226 -j ACCEPT\n-A INPUT -j DROP\n"
    now["filters"] = filters(firewall, rules, ["7226/tcp"])
    _closed_to_ipv6(now)
    saved = f"*filter\n:INPUT ACCEPT [0:0]\n{rules}COMMIT\n".encode()
    for one in now["files"]:
        if one["path"] == SAVED["iptables"]:
            one["content"] = base64.b64encode(saved).decode()
    return engine.plan(replace(WISH, sources=(SITE, "198.51.100.7"), **more), now)


def test_a_new_port_is_let_in_for_its_sources_alone_by_iptables() -> None:
    plan = _narrowed("iptables")
    texts = [f"-s {net} -p tcp -m tcp --dport 7300 -j ACCEPT" for net in (SITE, "198.51.100.7/32")]
    assert [" ".join(one.do) for one in plan.commands] == [f"iptables -I INPUT 2 {text}" for text in texts]
    assert [" ".join(one.undo) for one in plan.commands] == [f"iptables -D INPUT {text}" for text in texts]
    saved = next(one.content.decode() for one in plan.files if one.path == SAVED["iptables"])
    assert [line for line in saved.splitlines() if "7300" in line] == [f"-A INPUT {text}" for text in texts]
    assert saved.count("\n") == 7
    record = json.loads(next(one.content for one in plan.files if one.path == engine.PENDING))
    assert [row["do"][:3] for row in record["close"]] == [["iptables", "-D", "INPUT"]]
    assert f"-s {SITE} -p tcp -m tcp --dport 7300" in record["close"][0]["undo"][-1]


def test_a_new_port_is_let_in_for_its_sources_alone_by_firewalld() -> None:
    plan = _narrowed("firewalld")
    did = [one.do for one in plan.commands]
    rich = 'rule family="ipv4" source address="{}" port port="7300" protocol="tcp" accept'
    added = [f"--add-rich-rule={rich.format(net)}" for net in (SITE, "198.51.100.7/32")]
    assert [one[-1] for one in did] == added * 2
    assert [one[1] for one in did] == ["--permanent"] * 2 + ["--zone=public"] * 2
    record = json.loads(next(one.content for one in plan.files if one.path == engine.PENDING))
    assert [row["do"][-1] for row in record["close"]] == ["--remove-port=7226/tcp"] * 2


def test_a_second_run_with_the_same_sources_changes_no_rule() -> None:
    for firewall in ("iptables", "firewalld"):
        now = facts(configured=7300, running=7226, firewall=firewall, selinux="disabled")
        rules = (
            "-A INPUT -p tcp -m tcp --dport 7226 -j ACCEPT\n"
            f"-A INPUT -s {SITE} -p tcp -m tcp --dport 7300 -j ACCEPT\n-A INPUT -j DROP\n"
        )
        rich = f'\trule family="ipv4" source address="{SITE}" port port="7300" protocol="tcp" accept\n'
        now["filters"] = filters(firewall, rules, ["7226/tcp"])
        _closed_to_ipv6(now)
        for name, (code, text) in now["filters"]["said"].items():
            if "list-all-zones" in name:
                now["filters"]["said"][name] = [code, text + rich]
        for one in now["files"]:
            if one["path"] == SAVED["iptables"]:
                one["content"] = base64.b64encode(f"*filter\n{rules}COMMIT\n".encode()).decode()
        plan = engine.plan(replace(WISH, sources=(SITE,)), now)
        assert plan.commands == ()
        assert SAVED["iptables"] not in [one.path for one in plan.files]
        with pytest.raises(RefusedError, match="cannot let it in exactly"):
            engine.plan(WISH, now)


@pytest.mark.parametrize(
    ("firewall", "rules", "said"),
    [
        ("none", "", "every host already reaches it (no limit by iptables)"),
        ("iptables", "-A INPUT -p tcp -m tcp --dport 7226 -j ACCEPT\n-A INPUT -j DROP\n", "ip6tables"),
        ("iptables", "-A INPUT -p tcp -m tcp --dport 7000:8000 -j ACCEPT\n-A INPUT -j DROP\n", "every host already reaches it (no limit by iptables)"),
        ("iptables", "-A INPUT -s 10.0.0.0/8 -p tcp -m tcp --dport 7226 -j ACCEPT\n-A INPUT -j DROP\n", "-s 10.0.0.0/8"),
        ("iptables", "-A INPUT -p tcp -m multiport --dports 22,7226 -j ACCEPT\n-A INPUT -j DROP\n", "--dports 22,7226"),
        ("iptables", "-A INPUT -p tcp -m tcp --dport 7226 -j SITE\n-A SITE -j ACCEPT\n-A INPUT -j DROP\n", "-j SITE"),
    ],
)  # fmt: skip
def test_sources_that_would_not_narrow_are_refused(firewall: str, rules: str, said: str) -> None:
    now = facts(configured=7226, running=7226, firewall=firewall, selinux="disabled")
    now["filters"] = filters(firewall, rules, [])
    if said != "ip6tables":
        _closed_to_ipv6(now)
    with pytest.raises(RefusedError) as raised:
        engine.plan(replace(WISH, sources=(SITE,)), now)
    assert said in str(raised.value)


@pytest.mark.parametrize(
    ("raw", "said"),
    [({"sources": ["192.0.2.1/24"]}, "192.0.2.1/24"), ({"sources": ["site"]}, "'site'"),
     ({"sources": [SITE], "firewall": False}, "need the firewall")],
)  # fmt: skip
def test_a_source_that_is_not_a_network_is_named(raw: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=re.escape(said)):
        engine.DesiredPort.of({"port": 7300, **raw})
