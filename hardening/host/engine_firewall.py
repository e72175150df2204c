"""The control engine's port in a host's firewall and SELinux policy: what opens it, and what closes the port it has left."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from hardening.engine import iptables
from hardening.errors import InputError
from hardening.host.plan import Command

ASK = ("/bin/sh", "-c", f"test ! -e {iptables.SAVED} || iptables -S INPUT")
"""Hosts without saved rules are not asked: the question itself would load the kernel's modules."""
HINT = "control_engine_firewall: false where nothing filters, or where somebody else opens ports"


@dataclass(frozen=True, slots=True, kw_only=True)
class Firewall:
    """What filters on one host, as it is now."""

    kind: str = "none"
    """`firewalld`, `iptables` or `none`."""
    label: str = ""
    """The SELinux type that the engine's ports have to have; empty where no policy is in force."""
    live: tuple[iptables.Rule, ...] = ()
    saved: str = ""

    @classmethod
    def of(cls, facts: Mapping[str, Any], files: Mapping[str, str], label: str) -> Firewall:
        """Return what the agent saw (verb `facts`, asked `ASK`). Errors: InputError where iptables does not say its rules."""
        kind = str(facts.get("firewall", "none"))
        label = label if facts.get("selinux", "disabled") != "disabled" else ""
        if kind != "iptables":
            return cls(kind=kind, label=label)
        said = next(iter(facts.get("said", [])), "")
        live = iptables.in_force(said)
        if live is None:
            said = said.strip()[:200] or "no output"
            raise InputError(f"iptables does not say its rules: {said}", hint=HINT)
        if iptables.SAVED not in files:
            raise InputError(f"{iptables.SAVED} is a link or too large", hint=HINT)
        return cls(kind=kind, label=label, live=live, saved=files[iptables.SAVED])

    def opens(self, port: int, like: int) -> list[Command]:
        """Return what lets `port` in beside (and as) `like`; each command says itself when it is so."""
        made: list[Command] = []
        if self.kind == "firewalld":
            made += _firewalld(port)
        for number, (place, text) in reversed(list(enumerate(self._missing(port, like)))):
            words = iptables.words(text)  # the last place first, so that the earlier ones still hold
            made.append(
                Command(
                    name=_numbered(f"iptables opens {port}", number),
                    do=("iptables", "-I", "INPUT", str(place), *words),
                    undo=("iptables", "-D", "INPUT", *words),
                    check=_shell(_has(text)),
                )
            )
        return [*made, *self._labels(port)]

    def closes(self, left: int, port: int, like: int) -> list[Command]:
        """Return what no longer lets `left` in, after `opens(port, like)`."""
        made = [self._unlabels(one, left) for one in self._labels(left)]
        if self.kind == "firewalld":
            made += [_inverse(one) for one in reversed(_firewalld(left))]
        opened = [place for place, _ in self._missing(port, like)]
        rules = [one for one in self.live if iptables.lets_in(one.text, left)]
        for number, one in reversed(list(enumerate(rules))):  # an undo then finds each place as it was
            place = one.place + sum(1 for other in opened if other <= one.place)
            words = iptables.words(one.text)
            rule = shlex.join(words)
            made.append(
                Command(
                    name=_numbered(f"iptables closes {left}", number),
                    do=("iptables", "-D", "INPUT", *words),
                    # in front, where the chain has become shorter meanwhile
                    undo=_shell(f"iptables -I INPUT {place} {rule} || iptables -I INPUT {rule}"),
                    check=_shell(f"! {{ {_has(one.text)}; }}"),
                )
            )
        return made

    def kept(self, port: int, like: int, left: Sequence[int] = ()) -> str | None:
        """Return the rules for the next boot with `port` let in and `left` not; None where this host has no such file."""
        if self.kind != "iptables":
            return None
        text = iptables.opened(self.saved, port, like)
        for one in left:
            text = iptables.closed(text, one)
        return text

    def drops(self, left: int) -> list[str]:
        """Return the saved lines that let `left` in, and how they read once somebody has saved the rules in force."""
        spelled = {one.line for one in self.live if iptables.lets_in(one.text, left)}
        return sorted(spelled | set(iptables.kept(self.saved, left)))

    def _missing(self, port: int, like: int) -> list[tuple[int, str]]:
        """Return the rules to be inserted, with their places: none where one is there, one in front where neither port has one."""
        if self.kind != "iptables" or any(iptables.lets_in(one.text, port) for one in self.live):
            return []
        found = [one for one in self.live if iptables.lets_in(one.text, like)]
        made = [(one.place, iptables.moved(one.text, like, port)) for one in found]
        return made or [(1, iptables.plain(port))]

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


def _numbered(name: str, number: int) -> str:
    """Return a name that no other command has: the journal knows them by it."""
    return f"{name} ({number + 1})" if number else name


def _has(text: str) -> str:
    """Return a shell's question whether a rule is in force; CentOS 6's iptables has no `-C`."""
    return f"iptables -S INPUT | grep -qxF -e {shlex.quote('-A INPUT ' + text)}"


def _firewalld(port: int) -> list[Command]:
    made = []
    for scope in ("--permanent", ""):
        base = ("firewall-cmd", *((scope,) if scope else ()))
        made.append(
            Command(
                name=f"firewalld opens {port}{' for good' if scope else ''}",
                do=(*base, f"--add-port={port}/tcp"),
                undo=(*base, f"--remove-port={port}/tcp"),
                check=(*base, f"--query-port={port}/tcp"),
            )
        )
    return made


def _inverse(one: Command) -> Command:
    """Return the command that takes another one back."""
    name = one.name.replace("opens", "closes").replace("lets", "no longer lets")
    return Command(name=name, do=one.undo, undo=one.do, check=_shell(f"! {{ {shlex.join(one.check)}; }}"))


def _shell(line: str) -> tuple[str, ...]:
    return ("/bin/sh", "-c", line)
