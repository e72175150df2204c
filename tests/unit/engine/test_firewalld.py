"""What firewalld lists, as text: where two ports differ, zone by zone, and what is refused."""

from __future__ import annotations

import pytest

from hardening.engine.firewalld import FirewalldScope, parts

OLD, NEW = 7226, 7300
SERVICES: dict[str, str | None] = {
    "ssh": "ssh\n  ports: 22/tcp\n  destination: \n  includes: \n",
    "engine": "engine\n  ports: 7226/tcp\n  destination: \n  includes: \n",
    "both": "both\n  ports: 7000-7999/tcp\n  destination: \n  includes: \n",
    "site": "site\n  ports: 80/tcp\n  destination: \n  includes: engine\n",
    "round": "round\n  ports: 81/tcp\n  includes: round\n",
    "unread": None,
}


def scope(
    *settings: str, direct: str = "", name: str = "public (active)", policies: str = "", word: str = ""
) -> FirewalldScope:
    zone = "\n".join([name, "  target: default", *(f"  {one}" for one in settings), ""])
    return FirewalldScope.read(word, zone, policies, SERVICES, direct)


def rich(*rules: str) -> str:
    return "\n".join(["rich rules: ", *(f"\t{rule}" for rule in rules)])


SOURCE = 'rule family="ipv4" source address="10.0.0.1" port port="{}" protocol="tcp" accept'
DROP = 'rule priority="-3" family="ipv4" source NOT address="10.0.0.0/8" port port="{}" protocol="tcp" log prefix="a service x" drop'


@pytest.mark.parametrize(
    ("settings", "wanted"),
    [
        (["services: ssh both round", "ports: 22/tcp 7226/udp"], []),
        (["ports: 7226/tcp 80/tcp"], [("port", "7226/tcp", "7300/tcp", True)]),
        (["ports: 7200-7230/tcp"], [("port", "7200-7230/tcp", "7300/tcp", False)]),
        (["ports: 7000-7999/tcp"], [("port", "7000-7999/tcp", "7300/tcp", False)]),
        ([rich(SOURCE.format(OLD))], [("rich-rule", SOURCE.format(OLD), SOURCE.format(NEW), True)]),
        ([rich(DROP.format(OLD))], [("rich-rule", DROP.format(OLD), DROP.format(NEW), False)]),
        ([rich(SOURCE.format("7220-7230"))], [("rich-rule", SOURCE.format("7220-7230"), SOURCE.format(NEW), False)]),
        ([rich('rule protocol value="tcp" accept', 'rule family="ipv4" source address="10.0.0.1" drop')], []),
        ([rich('rule service name="ssh" accept')], []),
        (["forward-ports: port=443:proto=tcp:toport=8443:toaddr="], []),
    ],
)  # fmt: skip
def test_what_a_zone_holds_for_the_old_port_the_new_one_gets(
    settings: list[str], wanted: list[tuple[str, str, str, bool]]
) -> None:
    entries, refused = scope(*settings).compare(OLD, NEW)
    assert ([(one.kind, one.old, one.new, one.own) for one in entries], refused) == (wanted, [])


def test_an_entry_that_is_there_is_not_made_again() -> None:
    entries, refused = scope(
        "ports: 7226/tcp 7300/tcp", rich(SOURCE.format(NEW), SOURCE.format(OLD))
    ).compare(OLD, NEW)
    assert ([one.there for one in entries], refused) == ([True, True], [])


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (["services: engine"], "zone public: the service engine holds 7226/tcp"),
        (["services: site"], "zone public: the service engine holds 7226/tcp"),
        (["services: unread"], "zone public: the definition of the service unread could not be read"),
        (["services: unread", "ports: 7226/tcp"], "zone public: the definition of the service unread could not be read"),
        (["ports: 7300/tcp"], "zone public: ports: 7300/tcp holds 7300 and nothing there holds 7226"),
        ([rich(SOURCE.format(NEW))], f"zone public: rich rule: {SOURCE.format(NEW)}"),
        ([rich('rule service name="engine" accept')], 'zone public: rich rule: rule service name="engine" accept'),
        (["forward-ports: port=7226:proto=tcp:toport=80:toaddr="], "zone public: forward-ports: port=7226:proto=tcp:toport=80:toaddr="),
        (["forward-ports: \n\tport=443:proto=tcp:toport=7226:toaddr="], "zone public: forward-ports: port=443:proto=tcp:toport=7226:toaddr="),
        ([rich('rule family="ipv4" forward-port port="80" protocol="tcp" to-port="7226"')],
         'zone public: rich rule: rule family="ipv4" forward-port port="80" protocol="tcp" to-port="7226"'),
    ],
)  # fmt: skip
def test_what_cannot_be_given_to_the_new_port_is_refused(settings: list[str], said: str) -> None:
    assert said in scope(*settings).compare(OLD, NEW)[1]
    assert f"{said} (permanent)" in scope(*settings, word="--permanent").compare(OLD, NEW)[1]


@pytest.mark.parametrize(
    ("line", "alike"),
    [
        ("ipv4 filter INPUT 0 -p tcp --dport 22 -j ACCEPT", True),
        ("ipv4 filter INPUT 0 -p tcp --dport 7226 -j ACCEPT", False),
        ("ipv6 -I INPUT -p tcp --dport 7226 -j DROP", False),
        ("ipv4 -t raw -A PREROUTING -p udp -j ACCEPT", True),
        ("ipv4 -t nat -A PREROUTING -p tcp --dport 443 -j REDIRECT --to-ports 7226", False),
        ("ipv4 -N SITE", False),
        ("eb filter INPUT 0 -j ACCEPT", False),
    ],
)
def test_direct_rules_that_see_the_ports_differently_are_refused(line: str, *, alike: bool) -> None:
    assert scope(direct=line).compare(OLD, NEW)[1] == ([] if alike else [f"direct rule: {line}"])


def test_a_policy_for_the_host_is_refused_and_one_for_others_is_nothing() -> None:
    listed = "engine (active)\n  target: CONTINUE\n  ingress-zones: public\n  egress-zones: {}\n  ports: 7226/tcp\n"
    assert scope(policies=listed.format("HOST")).compare(OLD, NEW)[1] == ["policy engine: port 7226/tcp"]
    assert scope(policies=listed.format("internal")).compare(OLD, NEW)[1] == []


def test_only_a_bound_zone_lets_in() -> None:
    """The port was opened in a zone that no interface has, and that was called open."""
    assert scope("ports: 7300/tcp").lets_in(NEW)
    assert not scope("ports: 7300/tcp", name="public").lets_in(NEW)
    assert not scope("ports: 7226/tcp", "services: ssh").lets_in(NEW)
    assert scope("services: both").lets_in(NEW)
    assert scope(rich(SOURCE.format(NEW))).lets_in(NEW)
    assert FirewalldScope.read("", "public\n  target: ACCEPT\n", "", {}, default="public").lets_in(NEW)


def test_only_the_ports_own_entries_are_closed() -> None:
    found = scope(
        "ports: 7226/tcp 7200-7230/tcp",
        rich(SOURCE.format(OLD), DROP.format(OLD), SOURCE.format("7220-7230")),
    )
    assert found.own(OLD) == [("public", "port", "7226/tcp"), ("public", "rich-rule", SOURCE.format(OLD))]


def test_a_listing_is_read_zone_by_zone() -> None:
    listed = "a (active)\n  ports: 1/tcp 2/tcp\n  rich rules: \n\trule one\n\trule two\n\nb\n  ports: \n"
    first, second = parts(listed)
    assert (first.name, first.active, first["ports"], first["rich rules"]) == (
        "a",
        True,
        ("1/tcp", "2/tcp"),
        ("rule one", "rule two"),
    )
    assert (second.name, second.active, second["ports"]) == ("b", False, ())


@pytest.mark.parametrize(
    ("lines", "everybody"),
    [
        (("ports: 7300/tcp",), True),
        (("interfaces: eth0", "sources: 10.0.0.0/8", "ports: 7300/tcp"), True),
        (("sources: 10.0.0.0/8", "ports: 7300/tcp"), False),
        ((rich(SOURCE.format(NEW)),), False),
        ((rich(SOURCE.format(NEW).replace("source ", "source NOT ")),), True),
        ((rich(f'rule family="ipv4" port port="{NEW}" protocol="tcp" accept'),), True),
        (("ports: 7226/tcp",), False),
    ],
)
def test_whether_a_zone_lets_every_host_in(lines: tuple[str, ...], *, everybody: bool) -> None:
    assert scope(*lines).lets_in(NEW, everybody=True) is everybody
