"""What firewalld lets in, zone by zone, as `firewall-cmd` lists it: where two ports differ, and the entry that ends the difference.

A port is opened in exactly the zones that hold the old port, whatever interfaces or sources they are bound to, by the same
kind of entry. What holds the old port in another way is refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Self

from hardening.engine import iptables

RICH_PORT = re.compile(r'(?<= )port port="([\d-]+)" protocol="tcp"')
RICH_WORD = re.compile(r'([\w-]+)="([^"]*)"')


UNREAD = "could not be read"


@dataclass(frozen=True, slots=True)
class Part:
    """One zone or policy: its name, whether it is bound to anything, and its settings as lists of words or lines."""

    name: str
    active: bool
    settings: Mapping[str, tuple[str, ...]]

    def __getitem__(self, key: str) -> tuple[str, ...]:
        return self.settings.get(key, ())


@dataclass(frozen=True, slots=True)
class ZoneEntry:
    """One entry of a zone for the old port, and the same for the new one."""

    zone: str
    kind: str
    """`port` or `rich-rule`."""
    old: str
    new: str
    there: bool
    own: bool
    """Whether it is the old port's own entry: it lets in this port and no other."""


@dataclass(frozen=True, slots=True)
class FirewalldScope:
    """The runtime or the permanent configuration: zones, policies, definitions of services."""

    word: str
    """`--permanent`, or nothing for what is in force."""
    zones: tuple[Part, ...] = ()
    policies: tuple[Part, ...] = ()
    services: Mapping[str, Part | None] = field(default_factory=dict)
    direct: str = ""
    """The direct rules, one a line."""
    sources: tuple[str, ...] | None = None
    """Networks that the new port is for; None: for whom the old one is."""

    @classmethod
    def read(
        cls,
        word: str,
        zones: str,
        policies: str,
        services: Mapping[str, str | None],
        direct: str = "",
        default: str = "",
    ) -> Self:
        """Read what `firewall-cmd` prints; a service without a text could not be asked for."""
        known = {
            name: next(iter(parts(text)), None) if text is not None else None
            for name, text in services.items()
        }
        return cls(word, tuple(parts(zones, default)), tuple(parts(policies)), known, direct)

    @property
    def _for_host(self) -> list[Part]:
        """Return the policies for what comes to this host; the others are about what goes through it."""
        return [one for one in self.policies if {"HOST", "ANY"} & set(one["egress-zones"])]

    def compare(self, old: int, new: int) -> tuple[list[ZoneEntry], list[str]]:
        """Return the entries that `new` has to have as `old` does, and what cannot be given to it, one line each."""
        entries, refused = [], list(self._direct(old, new))
        for part in self.zones:
            found, wrong = self._zone(part, old, new)
            entries += found
            refused += [f"zone {part.name}: {line}" for line in wrong]
        for part in self._for_host:
            found, wrong = self._zone(part, old, new)
            refused += [
                f"policy {part.name}: {line}"
                for line in (*wrong, *(f"{one.kind} {one.old}" for one in found))
            ]
        return entries, [f"{line}{' (permanent)' if self.word else ''}" for line in refused]

    def _zone(self, part: Part, old: int, new: int) -> tuple[list[ZoneEntry], list[str]]:
        entries, wrong = [], []
        kept = [span for span in part["ports"] if _in(span, old)]
        extra = [span for span in part["ports"] if _in(span, new)]
        by_service = [line for name in part["services"] for line in self._service(name, old, new)]
        wrong += [line for line in by_service if line.endswith(UNREAD)]
        services = [
            [line for name in part["services"] for line in self._service(name, one, 0)] for one in (old, new)
        ]
        narrow = [narrowed(net, new) for net in self.sources or ()]
        if kept and self.sources is not None and not services[1] and not extra:
            own = kept == [f"{old}/tcp"]
            entries += [
                ZoneEntry(part.name, "rich-rule", kept[0], one, one in part["rich rules"], own)
                for one in narrow
            ]
        elif kept and not services[1]:
            entries.append(
                ZoneEntry(part.name, "port", kept[0], f"{new}/tcp", bool(extra), kept == [f"{old}/tcp"])
            )
        elif bool(kept or services[0]) != bool(extra or services[1]):
            wrong += by_service or [
                f"ports: {span} holds {new} and nothing there holds {old}" for span in extra
            ]
        wrong += [
            f"forward-ports: {one}" for one in part["forward-ports"]
            if any(_in(f"{span}/tcp", port) for span in re.findall(r"port=([\d-]+)", one) for port in (old, new))
        ]  # fmt: skip
        rules = part["rich rules"]
        for rule in rules:
            sees = self._rich(rule, old), self._rich(rule, new)
            if sees in (("yes", "yes"), ("no", "no")) or (rule in narrow and kept):
                continue
            was, becomes = like(rule, old), like(rule, new)
            if sees == ("yes", "no") and becomes != rule and self.sources is None:
                own = was == rule and rule.endswith(" accept")
                entries.append(ZoneEntry(part.name, "rich-rule", rule, becomes, becomes in rules, own))
            elif sees != ("no", "yes") or was == rule or was not in rules:
                wrong.append(f"rich rule: {rule}")
        return entries, wrong

    def _service(self, name: str, old: int, new: int, above: frozenset[str] = frozenset()) -> Iterator[str]:
        """Yield what of a service, with those it includes, tells two ports apart."""
        part = self.services.get(name)
        if part is None:
            yield f"the definition of the service {name} {UNREAD}"
            return
        spans = [[span for span in part["ports"] if _in(span, port)] for port in (old, new)]
        if bool(spans[0]) != bool(spans[1]):
            where = f" for {' '.join(part['destination'])}" if part["destination"] else ""
            yield f"the service {name} holds {' '.join(spans[0] or spans[1])}{where}"
        for one in part["includes"]:
            if one not in above:
                yield from self._service(one, old, new, above | {name})

    def _rich(self, rule: str, port: int) -> str:
        """Return whether a rich rule is about a port (`yes`, `no`); empty where that is not known."""
        words, elements = RICH_WORD.findall(rule), _elements(rule)
        if "service" in elements:
            names = [value for key, value in words if key == "name"]
            return "no" if names and not any(list(self._service(name, port, 0)) for name in names) else ""
        spans = [f"{value}/tcp" for key, value in words if key in ("port", "to-port")]
        if "forward-port" in elements:
            return "" if any(_in(span, port) for span in spans) else "no"
        if "port" in elements and ("protocol", "tcp") in words:
            return "yes" if any(_in(span, port) for span in spans) else "no"
        return "no"  # sources, protocols, ICMP: both ports alike

    def _direct(self, old: int, new: int) -> Iterator[str]:
        for line in self.direct.splitlines():
            bare = re.sub(r"^(ipv[46]|eb) ", "", line.strip())
            rest = re.sub(r"^(\w+) (\S+) -?\d+ ", r"-t \1 -A \2 ", bare)
            found = re.match(r"(?:-t (\S+) )?(?:-A|-I|--append|--insert) (\S+)(?: \d+)?(?: (.*))?$", rest)
            if not bare:
                continue
            if line.startswith("eb ") or not found:
                yield f"direct rule: {line.strip()}"
                continue
            rule = iptables.IptablesRule(found[1] or "filter", found[2], 1, found[3] or "")
            if iptables.Ruleset((rule,)).sight(rule, old, new).differs:
                yield f"direct rule: {line.strip()}"

    def own(self, left: int) -> list[tuple[str, str, str]]:
        """Return the own entries of a port: (zone, kind, entry)."""
        found = []
        for part in self.zones:
            found += [(part.name, "port", span) for span in part["ports"] if span == f"{left}/tcp"]
            found += [
                (part.name, "rich-rule", rule)
                for rule in part["rich rules"]
                if (about := RICH_PORT.search(rule)) and about[1] == str(left) and rule.endswith(" accept")
            ]
        return found

    def lets_in(self, port: int, *, everybody: bool = False) -> bool:
        """Return whether a zone or policy that is bound to something, or the default one, lets a port in.

        With `everybody`: from a host that neither the zone's sources nor a rich rule names.
        """
        for part in (*self.zones, *self._for_host):
            if not part.active or (everybody and part["sources"] and not part["interfaces"]):
                continue
            if (
                part["target"] == ("ACCEPT",)
                or "tcp" in part["protocols"]
                or any(_in(one, port) for one in part["ports"])
            ):
                return True
            if any(True for name in part["services"] for _ in self._service(name, port, 0)):
                return True
            for rule in part["rich rules"]:
                every = not _elements(rule) or 'protocol value="tcp"' in rule
                if everybody and re.search(r" source (?!NOT )", rule) and "/0" not in rule:
                    continue
                if rule.endswith(" accept") and (every or self._rich(rule, port) != "no"):
                    return True
        return False


def narrowed(source: str, port: int) -> str:
    """Return the rich rule that lets one network in to a port."""
    family = "ipv6" if ":" in source else "ipv4"
    return f'rule family="{family}" source address="{source}" port port="{port}" protocol="tcp" accept'


def like(rule: str, port: int) -> str:
    """Return a rich rule for one other port; one that names no port as it is."""
    return RICH_PORT.sub(f'port port="{port}" protocol="tcp"', rule)


def parts(text: str, default: str = "") -> Iterator[Part]:
    """Yield each zone, policy or service of a listing: a name, then indented settings; rules and forwarded ports on lines of their own.

    The zone `default` is active, whether or not it is bound to anything.
    """
    name, active, key, settings = "", False, "", dict[str, tuple[str, ...]]()
    for line in text.splitlines():
        if not line.strip():
            continue
        if not line[0].isspace():
            if name:
                yield Part(name, active or name == default, settings)
            name, _, more = line.strip().partition(" ")
            active, settings = "active" in more or "default" in more, {}
        elif line.startswith("\t") and key:
            settings[key] = (*settings.get(key, ()), line.strip())
        else:
            key, _, value = line.strip().partition(":")
            lines = key in ("rich rules", "forward-ports") and value.strip()
            settings[key] = (value.strip(),) if lines else tuple(value.split())
    if name:
        yield Part(name, active or name == default, settings)


ELEMENTS = frozenset("port service protocol icmp-type icmp-block forward-port masquerade source-port".split())


def _elements(rule: str) -> frozenset[str]:
    """Return what a rich rule is about; what is quoted (a prefix of the log) names nothing."""
    return ELEMENTS & set(re.sub(r'"[^"]*"', '""', rule).split())


def services(listings: Iterable[str]) -> list[str]:
    """Return the names of the services that zones, policies and rich rules name."""
    found: set[str] = set()
    for text in listings:
        for part in parts(text):
            found.update(part["services"])
            found.update(
                one for rule in part["rich rules"] for one in re.findall(r'service name="([^"]+)"', rule)
            )
    return sorted(found)


def _in(span: str, port: int) -> bool:
    """Return whether `7226/tcp` or `7000-8000/tcp` holds a port."""
    numbers, _, protocol = span.partition("/")
    first, dash, last = numbers.partition("-")
    if protocol != "tcp" or not first.isdecimal():
        return False
    return int(first) <= port <= int(last if dash and last.isdecimal() else first)
