"""Rules of iptables and ip6tables as text: which of them treat two ports differently, and the copy that ends the difference.

A packet to the new port has to meet the same verdict as one to the old port. Every rule that sees both ports alike keeps
that true. A rule for the old port alone keeps it true once a copy with the new port follows it. Any other rule is refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Self

COUNTERS = re.compile(r"^\[\d+:\d+\] ")
"""What `iptables-save -c` puts in front of a rule."""
QUOTED = re.compile(r'"((?:\\.|[^"\\])*)"')
WORD = re.compile(r'(?:"(?:\\.|[^"\\])*"|[^\s"])+')

DESTINATION = frozenset({"--dport", "--destination-port", "--dports", "--destination-ports"})
SOURCE = frozenset({"--sport", "--source-port", "--sports", "--source-ports"})
EITHER = frozenset({"--port", "--ports"})
PROTOCOL = frozenset({"-p", "--protocol", "--proto"})
JUMP = frozenset({"-j", "--jump", "-g", "--goto"})
MATCH = frozenset({"-m", "--match"})
ADDRESSED = frozenset({"--source", "--destination"})
BLIND = frozenset(
    "tcp udp icmp icmp6 icmpv6 state conntrack comment limit addrtype iprange mac mark connmark pkttype recent connlimit "
    "physdev rpfilter time tos dscp ttl hl length multiport eui64 hbh rt frag set policy helper statistic hashlimit owner".split()
)
"""Matches that look at no port, or only by the options above (of `set`: where it looks at the source alone)."""
TARGETS = frozenset(
    "ACCEPT DROP REJECT RETURN LOG NFLOG ULOG AUDIT MARK CONNMARK SECMARK CONNSECMARK TCPMSS NOTRACK CT TRACE CHECKSUM TOS "
    "DSCP CLASSIFY MASQUERADE SNAT DNAT REDIRECT NETMAP".split()
)
"""Targets that do the same to every port, unless an option (`--to-ports`) names it."""


@dataclass(frozen=True, slots=True)
class RuleOption:
    """One option of a rule with its values, where they are in its text, and whether `!` negates it."""

    name: str
    values: tuple[str, ...]
    start: int
    end: int
    negated: bool = False


@dataclass(frozen=True, slots=True)
class Sight:
    """Match of one rule with two ports, or the reason why it is not known."""

    old: bool = True
    new: bool = True
    why: str = ""

    @property
    def differs(self) -> bool:
        """Return whether it does not treat the two alike for certain."""
        return bool(self.why) or self.old != self.new


@dataclass(frozen=True, slots=True)
class IptablesRule:
    """One rule: table, chain, place in the chain from 1, and the rest of `-A CHAIN ...`."""

    table: str
    chain: str
    place: int
    text: str

    @property
    def line(self) -> str:
        """Return the rule as `iptables-save` and a file of saved rules have it."""
        return f"-A {self.chain} {self.text}".rstrip()

    @property
    def options(self) -> tuple[RuleOption, ...]:
        """Return the options in order. Errors: ValueError for a word that is not understood."""
        return tuple(_options(self.text))

    def values(self, names: frozenset[str]) -> tuple[str, ...]:
        """Return the values of the options with these names."""
        return tuple(value for one in self.options if one.name in names for value in one.values)

    @property
    def target(self) -> str:
        """Return where the rule leads; empty where it only counts."""
        return next(iter(self.values(JUMP)), "")

    def with_port(self, port: int) -> str | None:
        """Return the rule's text for one other destination port; None where it has no single, positive port option."""
        found = [one for one in self.options if one.name in DESTINATION]
        if len(found) != 1 or found[0].negated or len(found[0].values) != 1:
            return None
        return f"{self.text[: found[0].start]}{found[0].name} {port}{self.text[found[0].end :]}"

    def is_own(self, port: int) -> bool:
        """Return whether this is the port's own rule: it accepts TCP to this port and to no other."""
        try:
            found = [one for one in self.options if one.name in DESTINATION]
            alone = len(found) == 1 and not found[0].negated and found[0].values == (str(port),)
            return alone and self.table == "filter" and self.target == "ACCEPT" and _may_be_tcp(self.options)
        except ValueError:
            return False


@dataclass(frozen=True, slots=True)
class Copy:
    """A rule of the old port, and the text of its copy for the new one."""

    rule: IptablesRule
    text: str
    there: bool
    """Whether the copy is in the chain already."""

    @property
    def line(self) -> str:
        """Return the copy as `iptables-save` has it."""
        return f"-A {self.rule.chain} {self.text}"


@dataclass(frozen=True, slots=True)
class Comparison:
    """Differences of two ports: the copies that end them, and those that no copy ends, one line each."""

    copies: tuple[Copy, ...] = ()
    refused: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Ruleset:
    """All tables of one family, in force or saved."""

    rules: tuple[IptablesRule, ...] = ()
    chains: frozenset[tuple[str, str]] = frozenset()
    policies: Mapping[tuple[str, str], str] = field(default_factory=dict)
    unread: tuple[str, ...] = ()
    """Lines that are not understood."""

    @classmethod
    def read(cls, text: str) -> Self:
        """Read what `iptables-save` prints or a file of saved rules holds."""
        rules, chains, policies, unread, table = [], set(), {}, [], ""
        places: dict[tuple[str, str], int] = {}
        for line in text.splitlines():
            bare = COUNTERS.sub("", line.strip())
            if bare.startswith("*"):
                table = bare[1:]
            elif bare.startswith(":") and len(bare.split()) > 1:
                name, policy = bare[1:].split()[:2]
                chains.add((table, name))
                policies[table, name] = policy
            elif bare.startswith(("-A ", "--append ")) and len(bare.split(None, 2)) > 1:
                _, chain, rest = (*bare.split(None, 2), "")[:3]
                places[table, chain] = places.get((table, chain), 0) + 1
                rules.append(IptablesRule(table, chain, places[table, chain], rest))
            elif bare.startswith("-N "):
                chains.add((table, bare[3:].strip()))
            elif bare.startswith("#"):
                unread += [bare] if "incompatible" in bare else []
            elif bare == "COMMIT":
                table = ""
            elif bare:
                unread.append(bare)
        if table:
            unread.append(f"the table {table} breaks off")
        return cls(tuple(rules), frozenset(chains), policies, tuple(unread))

    @property
    def empty(self) -> bool:
        """Return whether nothing is filtered: no rule, and every built-in chain accepts."""
        return not self.rules and not self.unread and set(self.policies.values()) <= {"ACCEPT", "-"}

    def reached(self, *starts: str) -> set[tuple[str, str]]:
        """Return the chains that a packet can come to from these built-in ones, in any table."""
        found: set[tuple[str, str]] = set()
        waiting = [(table, start) for start in starts for table, name in self._names if name == start]
        while waiting:
            here = waiting.pop()
            if here not in found:
                found.add(here)
                leads = (_target(one) for one in self.rules if (one.table, one.chain) == here)
                waiting += [(here[0], name) for name in leads if (here[0], name) in self._names]
        return found

    @property
    def _names(self) -> set[tuple[str, str]]:
        return set(self.chains) | {(one.table, one.chain) for one in self.rules}

    def sight(self, rule: IptablesRule, old: int, new: int) -> Sight:
        """Return how a rule sees TCP to each of two ports."""
        try:
            options = rule.options
        except ValueError as problem:
            return Sight(why=str(problem))
        if not _may_be_tcp(options):
            return Sight()
        if why := self._unclear(rule, options, old, new):
            return Sight(why=why)
        sees = {
            (side, port): all(_holds(one, port) for one in options if one.name in names)
            for side, names in (("to", DESTINATION), ("from", SOURCE), ("either", EITHER))
            for port in (old, new)
        }
        for side, words in (
            ("from", "looks at the port a packet comes from"),
            ("either", "looks at ports of both directions"),
        ):
            if sees[side, old] != sees[side, new]:
                return Sight(why=words)
        return Sight(sees["to", old], sees["to", new])

    def _unclear(self, rule: IptablesRule, options: Iterable[RuleOption], old: int, new: int) -> str:  # noqa: PLR0911 - one reason each
        """Return why nobody can say how a rule sees a port; empty where it is known."""
        for one in options:
            if one.name in MATCH and (not one.values or one.values[0] not in BLIND):
                return f"the match {' '.join(one.values)!r} may look at ports"
            if one.name == "--match-set" and one.values[1:] != ("src",):
                return "the set may hold ports"
            if one.name.startswith("--to-") and any(_names_port(value, old, new) for value in one.values):
                return f"leads to port {old} or {new}"
            if one.name in DESTINATION | SOURCE | EITHER:
                if len(one.values) != 1 or not all(map(_is_span, one.values[0].split(","))):
                    return f"{one.name} {' '.join(one.values)} is not a list of port numbers"
            elif not one.name.startswith("--to-") and "port" in one.name:
                return f"{one.name} looks at ports"
            elif one.name not in ADDRESSED and _shortened(one.name):
                return f"{one.name} is a shortened option"
        known = rule.target in TARGETS or not rule.target or (rule.table, rule.target) in self._names
        return "" if known else f"the target {rule.target} may look at ports"

    def compare(self, old: int, new: int, sources: Sequence[str] | None = None) -> Comparison:
        """Return what has to be copied so that `new` is treated exactly as `old` is, and what cannot be copied.

        With `sources` a copy of a rule that accepts `old` holds for these networks alone.
        """
        refused = [f"{line} (not understood)" for line in self.unread]
        inward, outward = self.reached("PREROUTING", "INPUT"), self.reached("OUTPUT", "POSTROUTING")
        copies: list[Copy] = []
        for place in sorted(inward | outward):
            rules = [one for one in self.rules if (one.table, one.chain) == place]
            seen = [self.sight(one, old, new) for one in rules]
            known: set[int] = set()
            for number, (rule, sight) in enumerate(zip(rules, seen, strict=True)):
                if not sight.differs or sight.why or not sight.old:
                    continue
                if place in outward or rule.table != "filter" or (text := rule.with_port(new)) is None:
                    continue
                narrow = sources is not None and rule.is_own(old)
                limited = any(one.name in SENDER | NAMED for one in rule.options)
                if sources is not None and (limited if narrow else DOES.get(rule.target) != "out"):
                    continue  # who gets in by this rule cannot be said by a source in front of it
                known.add(number)
                near = range(len(rules)) if narrow else _block(rules, number)
                for one in [f"-s {net} {text}" for net in sources or ()] if narrow else [text]:
                    twin = next((n for n in near if rules[n].text == one and n not in known), None)
                    known |= set() if twin is None else {twin}
                    copies.append(Copy(rule, one, there=twin is not None))
            for number, (rule, sight) in enumerate(zip(rules, seen, strict=True)):
                if sight.differs and number not in known:
                    refused.append(
                        f"{rule.line} ({rule.table}: {_reason(sight, rule, old, new, place in outward)})"
                    )
        return Comparison(tuple(copies), tuple(refused))

    def own(self, left: int, twins: Iterable[tuple[str, str]], port: int) -> list[Copy]:
        """Return the own rules of a port that was left, where the same rule for `port` is there or among `twins` (chain, text)."""
        wanted, found = set(twins), []
        for place in sorted(self.reached("INPUT")):
            rules = [one for one in self.rules if (one.table, one.chain) == place]
            for number, rule in enumerate(rules):
                text = rule.with_port(port) if rule.is_own(left) else None
                near = [rules[n].text for n in _block(rules, number)] if text is not None else []
                if text is not None and (text in near or (rule.chain, text) in wanted):
                    found.append(Copy(rule, text, there=text in near))
        return found

    def lets_in(self, port: int, *, everybody: bool = False) -> bool:
        """Return whether another host can open a connection to a port, as far as the table `filter` says.

        With `everybody`: whether a host can that no rule names.
        """
        policy = self.policies.get(("filter", "INPUT"), "ACCEPT")
        does = self._walk("INPUT", port, frozenset(), everybody=everybody)
        return does in ("in", "" if policy == "ACCEPT" else "in")

    def _walk(self, chain: str, port: int, above: frozenset[str], *, everybody: bool) -> str:
        """Return what a chain does to new connections: `in` (accepts one), `out` (stops all that are left), else nothing."""
        for rule in self.rules:
            if (rule.table, rule.chain) != ("filter", chain):
                continue
            try:
                options, target = rule.options, rule.target
            except ValueError:
                return "in"  # nobody can say: it is not called closed
            to_port = all(_holds(one, port) for one in options if one.name in DESTINATION)
            if target in above or not to_port or not _may_be_new(options):
                continue
            if everybody and not _is_for_a_stranger(options):
                continue
            own = ("filter", target) in self._names
            deeper = above | {chain}
            does = self._walk(target, port, deeper, everybody=everybody) if own else DOES.get(target, "")
            plain = PLAIN | SENDER if everybody else PLAIN
            every = not any(one.name not in plain for one in options)
            if does == "in" or (does == "out" and every):
                return does
            if every and (target == "RETURN" or any(one.name in ("-g", "--goto") for one in options)):
                return ""
        return ""


PLAIN = frozenset(
    "-p --protocol --proto -m --match -j --jump -g --goto --dport --dports --destination-port --destination-ports --comment "
    "--state --ctstate --reject-with".split()
)
"""Options by which a rule holds for every sender."""
SENDER = frozenset({"-s", "--source", "--src"})
NAMED = frozenset({"--src-range", "--match-set", "--mac-source"})
"""Options that name senders in a way that is not read here."""
DOES = {"ACCEPT": "in", "DROP": "out", "REJECT": "out"}


def words(text: str) -> list[str]:
    """Return a rule's words as iptables reads them: within quotes a backslash keeps whatever comes after it."""
    return [QUOTED.sub(lambda one: re.sub(r"\\(.)", r"\1", one[1]), part[0]) for part in WORD.finditer(text)]


def _options(text: str) -> Iterator[RuleOption]:
    """Yield the options of a rule; what is quoted is always a value. Errors: ValueError."""
    negated, later, name, start, end = False, False, "", 0, 0
    values: list[str] = []
    for part in WORD.finditer(text):
        word = part[0]
        if word == "!":
            later = True
        elif word.startswith("-") and re.match(r"--?[A-Za-z]", word):
            if name:
                yield RuleOption(name, tuple(values), start, end, negated)
            name, glued, value = word.partition("=")
            if re.match(r"-[^-].", word):
                raise ValueError(f"{word} is not understood")
            values, start, end, negated, later = (
                [value] if glued else [],
                part.start(),
                part.end(),
                later,
                False,
            )
        elif not name:
            raise ValueError(f"{word} is not understood")
        else:
            negated, later = negated or later, False  # `--dport ! 22`, as old versions write it
            values.append(*words(word))
            end = part.end()
    if later or (name == "--comment" and not values):
        raise ValueError("the rule is not understood")
    if name:
        yield RuleOption(name, tuple(values), start, end, negated)


def _target(rule: IptablesRule) -> str:
    try:
        return rule.target
    except ValueError:
        return ""


def _may_be_tcp(options: Iterable[RuleOption]) -> bool:
    for one in options:
        if one.name in PROTOCOL and one.values:
            is_tcp = one.values[0].lower() in ("tcp", "6")
            if one.values[0].lower() not in ("all", "0") and is_tcp == one.negated:
                return False
    return True


def _may_be_new(options: Iterable[RuleOption]) -> bool:
    """Return whether a rule can match the first packet of a TCP connection from another host."""
    for one in options:
        states = set(",".join(one.values).split(",")) if one.name in ("--state", "--ctstate") else set()
        if states and ("NEW" in states) == one.negated:
            return False
        if one.name in ("-i", "--in-interface") and one.values == ("lo",) and not one.negated:
            return False
    return _may_be_tcp(options)


def _is_for_a_stranger(options: Iterable[RuleOption]) -> bool:
    """Return whether a rule holds for a sender that no rule names."""
    for one in options:
        if one.name in SENDER and not one.negated and not one.values[0].endswith("/0"):
            return False
        if one.name in NAMED and not one.negated:
            return False
    return True


def _is_span(text: str) -> bool:
    first, colon, last = text.partition(":")
    return all(one.isdecimal() or (colon and not one) for one in (first, *([last] if colon else [])))


def _holds(one: RuleOption, port: int) -> bool:
    """Return whether an option's ports include a port."""
    found = False
    for span in one.values[0].split(",") if one.values else ():
        first, colon, last = span.partition(":")
        found = found or int(first or 0) <= port <= int((last or 65535) if colon else first)
    return found != one.negated


def _names_port(value: str, *ports: int) -> bool:
    """Return whether a target's address or range of ports (`10.0.0.1:7226`, `7000-8000`) ends in one of the ports."""
    last = value.rpartition(":")[2]
    first, dash, end = last.partition("-")
    if not first.isdecimal():
        return False
    return any(int(first) <= port <= int(end if dash and end.isdecimal() else first) for port in ports)


def _shortened(name: str) -> bool:
    """Return whether iptables may take an option for one of those that name ports."""
    every = DESTINATION | SOURCE | EITHER
    return name.startswith("--") and name not in every and any(one.startswith(name) for one in every)


def _block(rules: list[IptablesRule], number: int) -> list[int]:
    """Return the neighbours of a rule that differ from it in the port alone: their order means nothing."""
    mine = rules[number].with_port(0)
    found = []
    for step in (1, -1):
        here = number + step
        while 0 <= here < len(rules) and mine is not None and _bare(rules[here]) == mine:
            found.append(here)
            here += step
    return found


def _bare(rule: IptablesRule) -> str | None:
    try:
        return rule.with_port(0)
    except ValueError:
        return None


def _reason(sight: Sight, rule: IptablesRule, old: int, new: int, outward: bool) -> str:
    if sight.why:
        return sight.why
    if not sight.old:
        return f"holds for port {new} and not for {old}"
    if outward:
        return f"holds for port {old} of packets that leave the host"
    return (
        f"holds for port {old} in a table that is not the filter"
        if rule.table != "filter"
        else f"cannot be written for port {new} alone"
    )


def opened(text: str, copies: Iterable[Copy]) -> str:
    """Return saved rules with each copy after its rule, the rest byte for byte."""
    wanted: dict[tuple[str, int], list[Copy]] = {}
    for one in copies:
        if not one.there:
            wanted.setdefault((one.rule.chain, one.rule.place), []).append(one)
    rows, table, places = [], "", dict[str, int]()
    for line in text.splitlines(keepends=True):
        bare = COUNTERS.sub("", line.strip())
        table = bare[1:] if bare.startswith("*") else table
        rows.append(line)
        if table == "filter" and bare.startswith(("-A ", "--append ")):
            chain = bare.split(None, 2)[1]
            places[chain] = places.get(chain, 0) + 1
            for one in wanted.get((chain, places[chain]), ()):
                counters, end = (
                    "[0:0] " if COUNTERS.match(line) else "",
                    "\r\n" if line.endswith("\r\n") else "\n",
                )
                rows.append(f"{counters}{one.line}{end}")
    return "".join(rows)


def closed(text: str, lines: Iterable[str]) -> str:
    """Return saved rules without these lines; the rest byte for byte."""
    gone = set(lines)
    return "".join(
        line for line in text.splitlines(keepends=True) if COUNTERS.sub("", line.strip()) not in gone
    )
