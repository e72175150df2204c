"""The control engine's port in a host's firewall and SELinux policy: what opens it exactly as wide as the old one, and what closes the old one."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from hardening.engine import firewalld, iptables
from hardening.errors import RefusedError
from hardening.host.plans.plan import Command

SAVED = {"iptables": "/etc/sysconfig/iptables", "ip6tables": "/etc/sysconfig/ip6tables"}
"""Where each program's rules for the next boot are kept."""
OFF = (
    "control_engine_firewall: false (harden engine: --no-firewall) leaves the firewall and the SELinux label unchanged; "
    "then open the new port yourself"
)
HOOKED = re.compile(r"type \S+ hook (\S+)[^;]*;(?: policy (\S+);)?")
QUOTED = 3
"""How many rules of a table that is not understood are quoted."""
NO_SUCH_OPTION = 2
"""What `firewall-cmd` exits with where it knows no policies: before 0.9."""
HARMLESS = re.compile(r"(counter packets \d+ bytes \d+ )?(accept|return|jump \S+)")
"""A rule of nftables that matches everything and stops nothing."""
FAMILY = {"iptables": "ip", "ip6tables": "ip6"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """The rules of iptables or ip6tables: in force, and for the next boot."""

    tool: str
    live: iptables.Ruleset
    saved: str | None = None
    kept: iptables.Ruleset
    loaded: bool = True
    """Whether the init system loads the saved rules, as far as it says."""
    beside: bool = False
    """Whether firewalld runs, too: then these rules are somebody else's."""
    sources: tuple[str, ...] | None = None
    """Networks of this family that the new port is for; None: for whom the old one is."""

    def compare(self, old: int, new: int) -> tuple[list[iptables.Copy], list[iptables.Copy], list[str]]:
        """Return the copies that `new` needs in force and at the next boot, and every reason against them."""
        now, later = self.live.compare(old, new, self.sources), self.kept.compare(old, new, self.sources)
        wrong = [f"{self.tool}: {line}" for line in now.refused]
        wrong += [f"{SAVED[self.tool]}: {line}" for line in later.refused]
        why = (
            "beside firewalld, which does not know it" if self.beside
            else "no service loads saved rules at boot" if not self.loaded
            else f"{SAVED[self.tool]} has no such rule: the next boot would lose a copy" if not later.copies
            else ""
        )  # fmt: skip
        if why and now.copies:
            wrong += [f"{self.tool}: {one.rule.line} ({why})" for one in now.copies if not one.there]
        return list(now.copies), list(later.copies), wrong


@dataclass(frozen=True, slots=True, kw_only=True)
class Firewall:
    """Firewall of one host as it is now."""

    label: str = ""
    """The SELinux type that the engine's ports have to have; empty where no policy is in force."""
    zones: tuple[firewalld.FirewalldScope, ...] = ()
    """firewalld, for good and in force; empty where it does not run."""
    families: tuple[Family, ...] = ()
    unclear: tuple[str, ...] = ()
    """What filters and is not understood, whatever the ports."""

    @classmethod
    def of(cls, facts: Mapping[str, Any], files: Mapping[str, str], label: str) -> Firewall:
        """Return what the agent saw (verb `facts`, asked for `filters`)."""
        label = label if facts.get("selinux", "disabled") != "disabled" else ""
        seen = facts.get("filters")
        if not seen:
            return cls(label=label, unclear=("the firewall of the host was not examined",))
        outputs, enabled = seen["said"], seen["enabled"]
        systemd = facts.get("init") == "systemd"
        zones = tuple(_scopes(outputs)) if seen["firewalld"] else ()
        unclear = [f"{name}: {out.strip()[:200]}" for name, out in _failed(outputs)]
        if not zones and "firewalld" in enabled:
            unclear.append("firewalld is enabled and does not run: the next boot changes what filters")
        if "nftables" in enabled and not seen["tables"]:
            unclear.append(
                "nftables.service is enabled and no table is loaded: the next boot changes what filters"
            )
        if seen["tables"] is None or seen["legacy"] is None:
            unclear.append("the kernel does not say which tables are loaded: ask as root")
        unclear += _foreign(seen, outputs)
        families = tuple(
            Family(
                tool=tool,
                live=iptables.Ruleset.read(_live(outputs, tool, firewalld=seen["firewalld"])),
                saved=None if seen["firewalld"] else files.get(path),
                kept=iptables.Ruleset.read("" if seen["firewalld"] else files.get(path, "")),
                loaded=not systemd or tool in enabled,
                beside=seen["firewalld"],
            )
            for tool, path in SAVED.items()
        )
        for one in facts.get("files", []):
            moved = set(one.get("asked", ())) & set(SAVED.values()) - {one["path"]}
            unclear += [f"{path} is a link to {one['path']}" for path in sorted(moved)]
        unclear += [
            f"{path} is not a readable file" for path in facts.get("skipped", []) if path in SAVED.values()
        ]
        return cls(label=label, zones=zones, families=families, unclear=tuple(unclear))

    def narrowed(self, sources: Sequence[str]) -> Firewall:
        """Return the plan with the new port open to these networks only; without networks, the plan as it is."""
        if not sources:
            return self
        return replace(
            self,
            zones=tuple(replace(one, sources=tuple(sources)) for one in self.zones),
            families=tuple(
                replace(
                    one, sources=tuple(net for net in sources if (":" in net) == (one.tool == "ip6tables"))
                )
                for one in self.families
            ),
        )

    @property
    def kind(self) -> str:
        """Return what filters, in one word or several; `none` where it is known that nothing does."""
        names = ["firewalld"] * bool(self.zones)
        names += [one.tool for one in self.families if not (one.live.empty and one.kept.empty)]
        names += ["not understood"] * bool(self.unclear)
        return ", ".join(names) or "none"

    def refuse(self, port: int, like: int) -> None:
        """Raise RefusedError where `port` cannot be let in exactly as `like` is, with every reason."""
        wrong = list(self.unclear)
        for scope in self.zones:
            wrong += [f"firewalld: {line}" for line in scope.compare(like, port)[1]]
        for one in self.families:
            wrong += one.compare(like, port)[2]
        if wrong:
            raise RefusedError(
                f"port {port} is refused: the firewall cannot let it in exactly as it does {like}: "
                + "; ".join(dict.fromkeys(wrong)),
                hint=f"give port {port} the same by hand, in force and for the next boot"
                f"{self._by_hand(port, like, wrong)}, and run this again; or {OFF}",
            )

    def _by_hand(self, port: int, like: int, wrong: Sequence[str]) -> str:
        """Return commands that a person can begin with."""
        made = [
            f"firewall-cmd {word}--zone={zone} --add-port={port}/tcp"
            for zone in dict.fromkeys(re.findall(r"firewalld: zone ([^:]+): the service", "\n".join(wrong)))
            for word in ("", "--permanent ")
        ]
        for one in self.families:
            made += [
                f"{one.tool} -I {copy.rule.chain} {copy.rule.place + 1} {copy.text}"
                for copy in one.compare(like, port)[0]
                if not copy.there
            ]
        made += ["nft list ruleset"] * any(line.startswith("nftables") for line in wrong)
        return f" ({'; '.join(made)})" if made else ""

    def opens(self, port: int, like: int) -> list[Command]:
        """Return what lets `port` in beside `like` and exactly as it."""
        return [one for one, _ in self._pairs(port, like)]

    def leads_back(self, port: int, like: int) -> list[Command]:
        """Return what takes back each command of `opens(port, like)`, whose name each bears after `back: `."""
        return [replace(back, name=f"back: {one.name}") for one, back in reversed(self._pairs(port, like))]

    def _pairs(self, port: int, like: int) -> list[tuple[Command, Command]]:
        """Return each command that opens, with the one that takes it back whatever has changed meanwhile."""
        made = [(one, _inverse(one)) for scope in self.zones for one in _zone_opens(scope, port, like)]
        for one in self.families:
            missing = [copy for copy in one.compare(like, port)[0] if not copy.there]
            # the last place first, so that the earlier ones still hold
            for copy in sorted(missing, key=lambda row: (row.rule.chain, -row.rule.place)):
                chain, words = copy.rule.chain, iptables.words(copy.text)
                opening = Command(
                    name=_name(f"{one.tool} opens {port}", [row.name for row, _ in made]),
                    do=(one.tool, "-I", chain, str(copy.rule.place + 1), *words),
                    undo=(one.tool, "-D", chain, *words),
                    check=_shell(_has(one.tool, chain, copy.line)),
                )
                again = _shell(_before(one.tool, chain, words, copy.rule.line))
                made.append((opening, replace(_inverse(opening), undo=again)))
        return [*made, *((one, self._unlabels(one, port)) for one in self._labels(port))]

    def closes(self, left: int, port: int, like: int) -> list[Command]:
        """Return what no longer lets `left` in, after `opens(port, like)`: only what is that port's alone."""
        made = [self._unlabels(one, left) for one in self._labels(left)]
        made += [one for scope in self.zones for one in _zone_closes(scope, left, port, like)]
        for one in self.families:
            for copy in self._own(one, one.live, left, port, like):
                chain, words = copy.rule.chain, iptables.words(copy.rule.text)
                twin = f"-A {chain} -s {one.sources[0]} {copy.text}" if one.sources else copy.line
                made.append(
                    Command(
                        name=_name(f"{one.tool} closes {left}", [row.name for row in made]),
                        do=(one.tool, "-D", chain, *words),
                        undo=_shell(_before(one.tool, chain, words, twin)),
                        check=_shell(f"! {{ {_has(one.tool, chain, copy.rule.line)}; }}"),
                    )
                )
        return made

    def kept(self, port: int, like: int, left: Sequence[int] = ()) -> dict[str, str]:
        """Return the rules for the next boot, by file, with `port` let in and `left` not."""
        texts = {}
        for one in self.families:
            if one.saved is not None:
                lines = [copy.rule.line for old in left for copy in self._own(one, one.kept, old, port, like)]
                made = iptables.opened(one.saved, one.compare(like, port)[1])
                texts[SAVED[one.tool]] = iptables.closed(made, lines)
        return texts

    def drops(self, left: Iterable[int], port: int, like: int) -> list[dict[str, Any]]:
        """Return by file the saved lines that let `left` in, and how they read once somebody has saved the rules in force."""
        ports = tuple(left)
        return [
            {
                "path": SAVED[one.tool],
                "drop": sorted(
                    {
                        copy.rule.line
                        for old in ports
                        for rules in (one.live, one.kept)
                        for copy in self._own(one, rules, old, port, like)
                    }
                ),
            }
            for one in self.families
            if one.saved is not None
        ]

    def gains(self, port: int, like: int) -> list[dict[str, Any]]:
        """Return by file the saved lines that `kept(port, like)` adds, and how they read once the rules in force were saved."""
        return [
            {
                "path": SAVED[one.tool],
                "drop": sorted(
                    {copy.line for copies in one.compare(like, port)[:2] for copy in copies if not copy.there}
                ),
            }
            for one in self.families
            if one.saved is not None
        ]

    def lets_in(self, port: int, *, everybody: bool = False) -> bool | None:
        """Return whether another host can reach a port over IPv4, as far as the rules say; None where they are not understood.

        With `everybody`: whether a host can that no rule names.
        """
        if self.unclear:
            return None
        if self.zones:
            return self.zones[-1].lets_in(port, everybody=everybody)
        rules = (one.live for one in self.families if one.tool == "iptables")
        return all(one.lets_in(port, everybody=everybody) for one in rules)

    def wide(self, port: int) -> tuple[str, ...]:
        """Return the programs whose rules let a host in to a port that no rule names: each for its kind of addresses."""
        if self.zones:
            return ("firewalld",) if self.zones[-1].lets_in(port, everybody=True) else ()
        return tuple(one.tool for one in self.families if one.live.lets_in(port, everybody=True))

    def _own(
        self, family: Family, rules: iptables.Ruleset, left: int, port: int, like: int
    ) -> list[iptables.Copy]:
        if self.zones:
            return []  # rules of iptables beside firewalld are not ours
        copies = rules.compare(like, port, family.sources).copies
        return rules.own(
            left, [(one.rule.chain, one.rule.with_port(port) or one.text) for one in copies], port
        )

    def _labels(self, port: int) -> Iterable[Command]:
        if self.label:
            listed = rf"^{re.escape(self.label)} +tcp .*\b{port}\b"
            yield Command(
                name=f"SELinux lets {self.label} have {port}",
                do=_shell(_labelled(self.label, port)),
                undo=("semanage", "port", "-d", "-t", self.label, "-p", "tcp", str(port)),
                check=_shell(f"semanage port -l | grep -Eq {shlex.quote(listed)}"),
            )

    def _unlabels(self, one: Command, port: int) -> Command:
        """Return the command that takes a label back; one that the policy itself gives, or gives a range, stays."""
        own = rf"^{re.escape(self.label)} +tcp +(.*, )?{port}(,|$)"
        check = _shell(f"! {{ semanage port -l -C | grep -Eq {shlex.quote(own)}; }}")
        return replace(_inverse(one), check=check)


def _failed(outputs: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the programs that failed and what they said; firewalld that does not run, and one without policies, did not fail."""
    for name, (code, output) in outputs.items():
        usual = name == "firewall-cmd --state" or ("policies" in name and code == NO_SUCH_OPTION)
        if code and not usual and "--info-service" not in name:
            yield name, output or f"exited {code}"


def _scopes(outputs: Mapping[str, Any]) -> Iterator[firewalld.FirewalldScope]:
    def text(*words: str) -> str | None:
        code, output = outputs.get(" ".join(("firewall-cmd", *words)), [1, ""])
        return None if code else str(output)

    for word in ("--permanent", ""):
        scope = (word,) if word else ()
        mark = " ".join(("firewall-cmd", *scope, "--info-service="))
        direct = (
            ""
            if not word
            else "\n".join(
                text(word, "--direct", one) or "" for one in ("--get-all-rules", "--get-all-passthroughs")
            )
        )
        yield firewalld.FirewalldScope.read(
            word,
            text(*scope, "--list-all-zones") or "",
            text(*scope, "--list-all-policies") or "",
            {name.removeprefix(mark): text(*name.split()[1:]) for name in outputs if name.startswith(mark)},
            direct,
            (text("--get-default-zone") or "").strip(),
        )


def _foreign(seen: Mapping[str, Any], outputs: Mapping[str, Any]) -> Iterator[str]:
    """Yield the tables in force that neither firewalld nor this host's iptables made, each with a rule or two."""
    listed = _listed(outputs.get("nft list ruleset", [1, ""])[1])
    for family, name in seen["tables"] or ():
        tool = next((one for one, word in FAMILY.items() if word == family), "")
        by_nft = tool and "nf_tables" in outputs.get(f"{tool} -V", [1, ""])[1]
        if by_nft and f"*{name}" in outputs.get(f"{tool}-save", [1, ""])[1].splitlines():
            continue
        if seen["firewalld"] and name.startswith("firewalld"):
            continue
        body = listed.get((family, name))
        if family == "arp" or (body is not None and not _filters(body)):
            continue
        rules = (
            []
            if body is None
            else [one for one in body if " " in one and not one.endswith("{") and not HOOKED.match(one)]
        )
        quoted = f": {'; '.join([*rules[:QUOTED], *['...'] * bool(rules[QUOTED:])])}" if rules else ""
        yield f"nftables: the table {family} {name} is not made by firewalld or iptables and is not understood{quoted}"
    for tool, names in (seen["legacy"] or {}).items():
        if names and f"{tool}-save" not in outputs:
            yield f"{tool}: tables are loaded ({' '.join(names)}) and no program lists them"
        elif names and "nf_tables" in outputs.get(f"{tool} -V", [1, "nf_tables"])[1]:
            older = iptables.Ruleset.read(outputs.get(f"{tool}-legacy-save", [1, "?"])[1])
            if not older.empty:
                line = next((one.line for one in older.rules), "a policy that is not ACCEPT")
                yield f"{tool}-legacy: rules are in force beside those of nftables: {line}"


def _listed(text: str) -> dict[tuple[str, str], list[str]]:
    """Return the lines of each table of `nft list ruleset`."""
    found: dict[tuple[str, str], list[str]] = {}
    lines: list[str] = []
    for line in text.splitlines():
        head = re.match(r"table (\S+) (\S+) \{", line)
        if head:
            lines = found.setdefault((head[1], head[2].strip('"')), [])
        elif line != "}":
            lines.append(line.strip())
    return found


def _filters(body: Sequence[str]) -> bool:
    """Return whether a table of nftables can touch a packet: it has a hook, and a rule or a policy that does not let everything on."""
    hooks = [found for line in body if (found := HOOKED.match(line))]
    rules = [
        one
        for one in body
        if not HOOKED.match(one)
        and not HARMLESS.fullmatch(one)
        and not one.startswith(("chain ", "#", "comment "))
        and one not in ("", "}")
    ]
    return bool(hooks) and (bool(rules) or any(found[2] not in (None, "accept") for found in hooks))


def _live(outputs: Mapping[str, Any], tool: str, *, firewalld: bool) -> str:
    """Return the rules in force; firewalld's own chains, where it works by iptables, are read from its zones instead."""
    text = str(outputs.get(f"{tool}-save", [0, ""])[1])
    if not firewalld:
        return text
    return "".join(
        line
        for line in text.splitlines(keepends=True)
        if not re.match(r"-A IN_\S+_(allow|deny|log|pre|post) ", line)
    )


def _labelled(label: str, port: int) -> str:
    """Return a shell's words that label a port: `-a` refuses one that the policy itself gives another type (8080), `-m` takes it.

    One that the host's own records give another is left, for `-d` could not bring that back.
    """
    own, words = rf"^[^ ]+ +tcp +(.*, )?{port}(,|$)", f"-t {shlex.quote(label)} -p tcp {port}"
    way_out = f"this host itself labels port {port} so: semanage port -d -p tcp {port} takes that back"
    return (
        f"if semanage port -l -C | grep -E {shlex.quote(own)} >&2; then echo {shlex.quote(way_out)} >&2; exit 1; fi; "
        f"semanage port -a {words} || semanage port -m {words}"
    )


def _name(wanted: str, taken: Sequence[str]) -> str:
    """Return a name that no other command has: the journal knows them by it."""
    numbers = [0, *(1 for one in taken if one == wanted or one.startswith(f"{wanted} ("))]
    return f"{wanted} ({sum(numbers) + 1})" if sum(numbers) else wanted


def _has(tool: str, chain: str, line: str) -> str:
    """Return a shell's question whether a rule is in force; CentOS 6's iptables has no `-C`."""
    return f"{tool} -S {shlex.quote(chain)} | grep -qxF -e {shlex.quote(line)}"


def _before(tool: str, chain: str, words: Sequence[str], line: str) -> str:
    """Return a shell's words that put a rule back directly in front of its twin, wherever that is by then."""
    chain = shlex.quote(chain)
    return (
        f"n=$({tool} -S {chain} | grep '^-A' | grep -nxF -e {shlex.quote(line)} | head -n 1 | cut -d: -f1) && "
        f'test -n "$n" && {tool} -I {chain} "$n" {shlex.join(words)}'
    )


def _zone_opens(scope: firewalld.FirewalldScope, port: int, like: int) -> Iterator[Command]:
    for one in scope.compare(like, port)[0]:
        if not one.there:
            yield _zone_command(scope, one.zone, one.kind, one.new, port)


def _zone_closes(scope: firewalld.FirewalldScope, left: int, port: int, like: int) -> Iterator[Command]:
    entries = scope.compare(like, port)[0]
    twins = {(one.zone, one.new) for one in entries}
    twins |= {(one.zone, f"{port}/tcp") for one in entries if scope.sources}
    for zone, kind, entry in reversed(scope.own(left)):
        if (
            zone,
            entry.replace(str(left), str(port), 1) if kind == "port" else firewalld.like(entry, port),
        ) in twins:
            yield _inverse(_zone_command(scope, zone, kind, entry, left))


def _zone_command(scope: firewalld.FirewalldScope, zone: str, kind: str, entry: str, port: int) -> Command:
    base = ("firewall-cmd", *((scope.word,) if scope.word else ()), f"--zone={zone}")
    by = f": {entry}" if kind == "rich-rule" else ""
    return Command(
        name=f"firewalld opens {port} in {zone}{' for good' if scope.word else ''}{by}",
        do=(*base, f"--add-{kind}={entry}"),
        undo=(*base, f"--remove-{kind}={entry}"),
        check=(*base, f"--query-{kind}={entry}"),
    )


def _inverse(one: Command) -> Command:
    """Return the command that takes another one back."""
    asked = one.check[-1] if one.check[:2] == _shell("")[:2] else shlex.join(one.check)
    name = one.name.replace("opens", "closes", 1).replace("lets", "no longer lets", 1)
    return Command(name=name, do=one.undo, undo=one.do, check=_shell(f"! {{ {asked}; }}"))


def _shell(line: str) -> tuple[str, ...]:
    return ("/bin/sh", "-c", line)
