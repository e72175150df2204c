"""Rules of iptables as text: which of them see two ports differently, the copies that end it, and what is refused."""

from __future__ import annotations

import re
import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardening.engine.iptables import IptablesRule, Ruleset, closed, opened, words

OLD, NEW = 7226, 7443
PLAIN = "-A INPUT -p tcp -m tcp --dport 7226 -j ACCEPT"


def ruleset(*lines: str, table: str = "filter", policy: str = "ACCEPT") -> Ruleset:
    """Return rules of one table; a chain of its own is there where a rule is in it."""
    names = {"INPUT", "FORWARD", "OUTPUT", "PREROUTING"}
    own = sorted({line.split()[1] for line in lines if line.startswith("-A ")} - names)
    head = [f":{name} {policy} [0:0]" for name in sorted(names)] + [f":{name} - [0:0]" for name in own]
    return Ruleset.read("\n".join([f"*{table}", *head, *lines, "COMMIT", ""]))


@pytest.mark.parametrize(
    ("rule", "copy"),
    [
        ("-p tcp -m tcp --dport 7226 -j ACCEPT", "-p tcp -m tcp --dport 7443 -j ACCEPT"),
        ("-p tcp --destination-port 7226 -j ACCEPT", "-p tcp --destination-port 7443 -j ACCEPT"),
        ("! -s 10.0.0.0/8 -i eth0 -p tcp --dport 7226 -j DROP", "! -s 10.0.0.0/8 -i eth0 -p tcp --dport 7443 -j DROP"),
        ("-p tcp -m multiport --dports 443,7226 -j ACCEPT", "-p tcp -m multiport --dports 7443 -j ACCEPT"),
        ("-p tcp --dport 7200:7230 -j ACCEPT", "-p tcp --dport 7443 -j ACCEPT"),
        ("-p tcp --dport :7300 -j ACCEPT", "-p tcp --dport 7443 -j ACCEPT"),
        ('-p tcp -m comment --comment "was --dport 7226 once" -m tcp --dport 7226 -j ACCEPT',
         '-p tcp -m comment --comment "was --dport 7226 once" -m tcp --dport 7443 -j ACCEPT'),
        ("-p tcp --dport=7226 -j ACCEPT", "-p tcp --dport 7443 -j ACCEPT"),
    ],
)  # fmt: skip
def test_a_rule_for_the_old_port_is_copied_with_the_new_one_behind_it(rule: str, copy: str) -> None:
    rules = ruleset("-A INPUT -i lo -j ACCEPT", f"-A INPUT {rule}", "-A INPUT -j REJECT")
    found = rules.compare(OLD, NEW)
    assert ([(one.rule.place, one.text, one.there) for one in found.copies], found.refused) == (
        [(2, copy, False)],
        (),
    )
    again = ruleset("-A INPUT -i lo -j ACCEPT", f"-A INPUT {rule}", f"-A INPUT {copy}", "-A INPUT -j REJECT")
    assert [one.there for one in again.compare(OLD, NEW).copies] == [True]
    assert again.compare(OLD, NEW).refused == ()


@pytest.mark.parametrize(
    "rule",
    [
        "-p udp --dport 7226 -j ACCEPT",
        "! -p tcp --dport 7226 -j ACCEPT",
        "-p tcp --dport 72260 -j ACCEPT",
        "-p tcp --dport 7000:8000 -j ACCEPT",
        "-p tcp ! --dport 22 -j DROP",
        "-p tcp -m multiport ! --dports 22,80 -j DROP",
        "-s 10.0.0.0/8 -j ACCEPT",
        "-p udp -m u32 --u32 0x0=0x1 -j ACCEPT",
        '-p tcp -m comment --comment "--dport 7226 -j ACCEPT" -m tcp --dport 22 -j ACCEPT',
        r'-p tcp -m comment --comment "a \" --dport 7226 \\" -m tcp --dport 22 -j ACCEPT',
        "-m set --match-set site src -j ACCEPT",
        "",
    ],
)
def test_a_rule_that_sees_both_ports_alike_needs_no_copy(rule: str) -> None:
    found = ruleset(f"-A INPUT {rule}").compare(OLD, NEW)
    assert (found.copies, found.refused) == ((), ())


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("-A INPUT -p tcp ! --dport 7226 -j DROP", "holds for port 7443 and not for 7226"),
        ("-A INPUT -p tcp --dport ! 7226 -j DROP", "holds for port 7443 and not for 7226"),
        ("-A INPUT -p tcp --dport 7443 -j DROP", "holds for port 7443 and not for 7226"),
        ("-A INPUT -p tcp --dport 7400:7500 -j ACCEPT", "holds for port 7443 and not for 7226"),
        ("-A INPUT -p tcp -m multiport --ports 7226 -j ACCEPT", "ports of both directions"),
        ("-A INPUT -p tcp --sport 7226 -j ACCEPT", "the port a packet comes from"),
        ("-A OUTPUT -p tcp --sport 7226 -j ACCEPT", "the port a packet comes from"),
        ("-A OUTPUT -p tcp --dport 7226 -j ACCEPT", "leave the host"),
        ("-A INPUT -p tcp --dport engine -j ACCEPT", "not a list of port numbers"),
        ("-A INPUT -p tcp --dpor 7226 -j ACCEPT", "a shortened option"),
        ("-A INPUT -ptcp --dport 7226 -j ACCEPT", "-ptcp is not understood"),
        ("-A INPUT -m set --match-set site src,dst -j ACCEPT", "the set may hold ports"),
        ("-A INPUT -m set ! --match-set site dst -j DROP", "the set may hold ports"),
        ("-A INPUT -m bpf --bytecode 1 -j DROP", "the match 'bpf' may look at ports"),
        ("-A INPUT -m conntrack --ctorigdstport 7226 -j ACCEPT", "looks at ports"),
        ("-A INPUT -j NFQUEUE --queue-num 1", "the target NFQUEUE may look at ports"),
        ("-A INPUT -p tcp --dport 443 -j REDIRECT --to-ports 7226", "leads to port 7226 or 7443"),
        ("-A INPUT -p tcp --dport 80 -j DNAT --to-destination 10.0.0.1:7000-7300", "leads to port 7226 or 7443"),
        ("-I INPUT -p tcp --dport 7226 -j ACCEPT", "not understood"),
    ],
)  # fmt: skip
def test_what_no_copy_can_match_is_refused_and_quoted(line: str, why: str) -> None:
    (said,) = ruleset(line).compare(OLD, NEW).refused
    assert said.startswith(line)
    assert why in said


@pytest.mark.parametrize("table", ["nat", "mangle", "raw"])
def test_a_rule_of_another_table_is_refused(table: str) -> None:
    (said,) = ruleset(PLAIN, table=table).compare(OLD, NEW).refused
    assert "in a table that is not the filter" in said


def test_a_table_that_breaks_off_is_refused() -> None:
    assert Ruleset.read("*filter\n:INPUT ACCEPT [0:0]\n").compare(OLD, NEW).refused == (
        "the table filter breaks off (not understood)",
    )


def test_chains_are_followed_as_a_packet_is() -> None:
    rules = ruleset(
        "-A INPUT -i eth0 -j SITE", "-A SITE -p tcp --dport 7226 -j ENGINE", "-A ENGINE -p tcp --dport 7226 -j ACCEPT",
        "-A OTHER -p tcp --dport 7226 -j ACCEPT", "-A FORWARD -p tcp --dport 7226 -j ACCEPT",
    )  # fmt: skip
    assert [(one.rule.chain, one.rule.target) for one in rules.compare(OLD, NEW).copies] == [
        ("ENGINE", "ACCEPT"),
        ("SITE", "ENGINE"),
    ]


def test_a_copy_that_another_rule_parts_from_its_own_is_not_taken_for_one() -> None:
    copy = PLAIN.replace("7226", "7443")
    found = ruleset(PLAIN, "-A INPUT -s 10.0.0.1 -j DROP", copy).compare(OLD, NEW)
    assert [one.there for one in found.copies] == [False]
    assert found.refused == (f"{copy} (filter: holds for port 7443 and not for 7226)",)


def test_the_old_ports_own_rules_alone_are_closed_and_only_beside_the_new_ports() -> None:
    other = "-A INPUT -s 10.0.0.0/8 -p tcp -m tcp --dport 7226 -j ACCEPT"
    drop = "-A INPUT -p tcp -m tcp --dport 7226 -j DROP"
    ranged = "-A INPUT -p tcp -m tcp --dport 7200:7230 -j ACCEPT"
    rules = ruleset(PLAIN, PLAIN.replace("7226", "7443"), drop, ranged, other)
    assert [one.rule.line for one in rules.own(OLD, [], NEW)] == [PLAIN]
    assert [one.rule.line for one in rules.own(OLD, [("INPUT", other[9:].replace("7226", "7443"))], NEW)] == [
        PLAIN,
        other,
    ]


@pytest.mark.parametrize(
    ("lines", "reached"),
    [
        ([], True),
        ([PLAIN, "-A INPUT -j DROP"], True),
        (["-A INPUT -j DROP", PLAIN], False),
        (
            [
                "-A INPUT -m state --state ESTABLISHED -j ACCEPT",
                "-A INPUT -i lo -j ACCEPT",
                "-A INPUT -j REJECT",
            ],
            False,
        ),
        (["-A INPUT -s 10.0.0.0/8 -j DROP"], True),
        (["-A INPUT -s 10.0.0.0/8 -j ACCEPT", "-A INPUT -j DROP"], True),
        (["-A INPUT -p tcp ! --syn -m state --state NEW -j DROP"], True),
        (["-A INPUT -j SITE", "-A SITE -j RETURN", "-A SITE -j DROP"], True),
        (["-A INPUT -j SITE", "-A SITE -p udp -j ACCEPT", "-A SITE -j DROP"], False),
        (["-A INPUT -p tcp -j SITE", "-A SITE -p tcp --dport 7226 -j ACCEPT", "-A INPUT -j DROP"], True),
    ],
)
def test_whether_anybody_reaches_a_port(lines: list[str], *, reached: bool) -> None:
    assert ruleset(*lines).lets_in(OLD) is reached
    assert ruleset("-A INPUT -p tcp --dport 22 -j ACCEPT", policy="DROP").lets_in(OLD) is False


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_saved_rules_get_each_copy_behind_its_rule_and_give_the_file_back(end: str) -> None:
    text = end.join([
        "# Generated", "*nat", ":INPUT ACCEPT [0:0]", "COMMIT", "*filter", ":INPUT ACCEPT [0:0]", "-A INPUT -i lo -j ACCEPT",
        "[12:3456] -A INPUT -s 10.0.0.0/8 -p tcp -m tcp --dport 7226 -j ACCEPT", "-A INPUT -p tcp -m multiport --dports 80,7226 -j ACCEPT",
        "-A FORWARD -p tcp -m tcp --dport 7226 -j ACCEPT", "-A INPUT -j DROP", "COMMIT", "# Completed", "",
    ])  # fmt: skip
    made = opened(text, Ruleset.read(text).compare(OLD, NEW).copies)
    added = [line for line in made.split(end) if line not in text.split(end)]
    assert added == [
        "[0:0] -A INPUT -s 10.0.0.0/8 -p tcp -m tcp --dport 7443 -j ACCEPT",
        "-A INPUT -p tcp -m multiport --dports 7443 -j ACCEPT",
    ]
    assert made.split(end)[8] == added[0]
    assert opened(made, Ruleset.read(made).compare(OLD, NEW).copies) == made
    assert closed(made, [line.removeprefix("[0:0] ") for line in added]) == text


@given(st.lists(st.text(st.sampled_from("ab \\\"'-"), min_size=1, max_size=8), max_size=5))
def test_words_are_those_that_iptables_was_given(given_words: list[str]) -> None:
    quoted = ['"' + re.sub(r'(["\\])', r"\\\1", word) + '"' for word in given_words]
    assert words(" ".join(quoted)) == given_words
    assert words(" ".join(quoted)) == shlex.split(" ".join(quoted))


PART = st.sampled_from(
    ["-s 10.0.0.0/8", "! -s 10.0.0.1/32", "-i eth0", "-p tcp", "-p udp", "-m state --state NEW"]
)
PORTS = st.sampled_from(
    [
        "",
        "--dport 7226",
        "! --dport 7226",
        "--dport 7443",
        "--dport 7000:7300",
        "--dport 22",
        "-m multiport --dports 22,7226",
    ]
)
RULE = st.tuples(
    st.lists(PART, max_size=2, unique=True), PORTS, st.sampled_from(["ACCEPT", "DROP", "SITE", "RETURN"])
)


def _verdict(rules: Ruleset, port: int, holds: frozenset[str], chain: str = "INPUT") -> str:
    """Return what happens to a packet for which these parts hold: a walk of its own, rule by rule."""
    for rule in (one for one in rules.rules if one.chain == chain):
        text = rule.text
        number = re.search(r"(! )?--dports? (\S+)", text)
        hit = True
        if number:
            spans = [span.split(":") for span in number[2].split(",")]
            hit = any(int(span[0]) <= port <= int(span[-1]) for span in spans) != bool(number[1])
        if not hit or "-p udp" in text or not all(one in holds for one in _parts(text)):
            continue
        target = text.split()[-1]
        if target == "RETURN":
            return ""
        found = _verdict(rules, port, holds, target) if target == "SITE" else target
        if found:
            return found
    return ""


def _parts(text: str) -> list[str]:
    return [one for one in ("! -s 10.0.0.1/32", "-i eth0", "-m state --state NEW") if one in text] + (
        ["-s 10.0.0.0/8"] if "-s 10.0.0.0/8" in text else []
    )


@given(
    st.lists(RULE, max_size=5), st.lists(RULE, max_size=3),
    st.frozensets(st.sampled_from(["-s 10.0.0.0/8", "! -s 10.0.0.1/32", "-i eth0", "-m state --state NEW"])),
)  # fmt: skip
def test_after_the_copies_every_packet_to_the_new_port_meets_the_old_ports_verdict(
    main: list[tuple[list[str], str, str]], site: list[tuple[list[str], str, str]], holds: frozenset[str]
) -> None:
    lines = [
        f"-A {chain} {' '.join([*parts, *(['-p tcp'] if ports and '-p tcp' not in parts and '-p udp' not in parts else []), ports, '-j', target])}"
        for chain, rows in (("INPUT", main), ("SITE", site))
        for parts, ports, target in rows
        if not (chain == "SITE" and target == "SITE") and not {"-p tcp", "-p udp"} <= set(parts)
    ]
    text = "\n".join(["*filter", ":INPUT ACCEPT [0:0]", ":SITE - [0:0]", *lines, "COMMIT", ""])
    rules = Ruleset.read(text)
    found = rules.compare(OLD, NEW)
    if not found.refused:
        after = Ruleset.read(opened(text, found.copies))
        assert _verdict(after, NEW, holds) == _verdict(rules, OLD, holds)
        assert _verdict(after, OLD, holds) == _verdict(rules, OLD, holds)
        assert _verdict(after, 8080, holds) == _verdict(rules, 8080, holds)
        again = after.compare(OLD, NEW)
        assert not again.refused
        assert all(one.there for one in again.copies)


def test_a_rule_is_read_as_iptables_reads_it() -> None:
    rule = IptablesRule(
        "filter",
        "INPUT",
        1,
        '! -s 10.0.0.1 -p tcp -m comment --comment "-j DROP" -m tcp --dport 7226 -j ACCEPT',
    )
    assert [(one.name, one.values, one.negated) for one in rule.options] == [
        ("-s", ("10.0.0.1",), True), ("-p", ("tcp",), False), ("-m", ("comment",), False), ("--comment", ("-j DROP",), False),
        ("-m", ("tcp",), False), ("--dport", ("7226",), False), ("-j", ("ACCEPT",), False),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("lines", "everybody"),
    [
        ([], True),
        ([PLAIN, "-A INPUT -j DROP"], True),
        (["-A INPUT -s 10.0.0.0/8 -p tcp -m tcp --dport 7226 -j ACCEPT", "-A INPUT -j DROP"], False),
        (["-A INPUT -s 0.0.0.0/0 -p tcp -m tcp --dport 7226 -j ACCEPT", "-A INPUT -j DROP"], True),
        (["-A INPUT ! -s 10.0.0.0/8 -p tcp -m tcp --dport 7226 -j DROP"], False),
        (["-A INPUT -s 10.0.0.0/8 -p tcp -m tcp --dport 7226 -j DROP"], True),
        (["-A INPUT ! -s 10.0.0.0/8 -p tcp -m tcp --dport 7226 -j ACCEPT", "-A INPUT -j DROP"], True),
        (["-A INPUT -m set --match-set site src -j ACCEPT", "-A INPUT -j DROP"], False),
        (["-A INPUT -m iprange --src-range 10.0.0.1-10.0.0.9 -j ACCEPT", "-A INPUT -j DROP"], False),
        (["-A INPUT -s 10.0.0.0/8 -j SITE", "-A SITE -j ACCEPT", "-A INPUT -j DROP"], False),
        (["-A INPUT -j SITE", "-A SITE -s 10.0.0.0/8 -j RETURN", "-A SITE -j DROP"], False),
        (["-A INPUT -i eth0 -j ACCEPT", "-A INPUT -j DROP"], True),
    ],
)
def test_whether_every_host_reaches_a_port(lines: list[str], *, everybody: bool) -> None:
    assert ruleset(*lines).lets_in(OLD, everybody=True) is everybody
