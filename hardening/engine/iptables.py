"""Rules of iptables that let a TCP port in: those in force and those kept for the next boot, as text.

A new port is let in as the old one is: whoever may not reach the old one must not reach the new one either.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

SAVED = "/etc/sysconfig/iptables"
COUNTERS = re.compile(r"^\[\d+:\d+\] ")
"""What `iptables-save -c` puts in front of a rule."""
QUOTED = re.compile(r'"((?:\\.|[^"\\])*)"')
WORD = re.compile(r'(?:"(?:\\.|[^"\\])*"|[^\s"])+')


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule of the chain INPUT: its place in the chain, from 1, and the rest of `-A INPUT ...`."""

    place: int
    text: str

    @property
    def line(self) -> str:
        """Return the rule as `iptables -S` and a file of saved rules have it."""
        return f"-A INPUT {self.text}"


def words(text: str) -> list[str]:
    """Return a rule's words as iptables reads them: within quotes a backslash keeps whatever comes after it."""
    return [QUOTED.sub(lambda one: re.sub(r"\\(.)", r"\1", one[1]), part[0]) for part in WORD.finditer(text)]


def plain(port: int) -> str:
    """Return the rule for a port that nobody has let in so far."""
    return f"-p tcp -m tcp --dport {port} -j ACCEPT"


def lets_in(text: str, port: int) -> bool:
    """Whether a rule (the rest of `-A INPUT ...`) accepts TCP to this port, from whomever; ranges and lists of ports do not count."""
    pairs = set(pairwise(words(text)))
    wanted = {("-p", "tcp"), ("--dport", str(port)), ("-j", "ACCEPT")}
    return wanted <= pairs and not {("!", "-p"), ("!", "--dport")} & pairs


def moved(text: str, old: int, new: int) -> str:
    """Return a rule with another port; what a comment says of ports stays."""
    place = re.compile(rf"{QUOTED.pattern}|(?<!\S)--dport {old}(?!\S)")
    return place.sub(lambda one: one[0] if one[0].startswith('"') else f"--dport {new}", text)


def in_force(said: str) -> tuple[Rule, ...] | None:
    """Return the rules that `iptables -S INPUT` said; None where it said something else."""
    lines = said.splitlines()
    if not any(one.startswith("-P INPUT ") for one in lines):
        return None
    texts = [one.removeprefix("-A INPUT ") for one in lines if one.startswith("-A INPUT ")]
    return tuple(Rule(place, text) for place, text in enumerate(texts, 1))


def _filter(text: str) -> Iterator[tuple[str, str]]:
    """Yield every line and what it is: a rule's text for one of the filter's INPUT, `COMMIT` for the filter's end, else nothing."""
    table = ""
    for line in text.splitlines(keepends=True):
        bare = COUNTERS.sub("", line.strip())
        if bare.startswith("*"):
            table = bare[1:]
        ours = table == "filter" and (bare == "COMMIT" or bare.startswith("-A INPUT "))
        yield line, bare.removeprefix("-A INPUT ") if ours else ""


def kept(text: str, port: int) -> tuple[str, ...]:
    """Return the saved rules that let a port in, as lines without counters."""
    return tuple(f"-A INPUT {rule}" for _, rule in _filter(text) if lets_in(rule, port))


def opened(text: str, port: int, old: int) -> str:
    """Return the saved rules with `port` let in as `old` is, or by a rule in front where neither is; the rest byte for byte."""
    if kept(text, port):
        return text
    like, made, done = bool(kept(text, old)), [], False
    for line, rule in _filter(text):
        end = "\r\n" if line.endswith("\r\n") else "\n"
        counters = "[0:0] " if COUNTERS.match(line) else ""
        if like and lets_in(rule, old):
            made.append(f"{counters}-A INPUT {moved(rule, old, port)}{end}")
        elif not like and rule and not done:
            made.append(f"{counters}-A INPUT {plain(port)}{end}")
            done = True
        made.append(line)
    return "".join(made)


def closed(text: str, port: int) -> str:
    """Return the saved rules without those that let a port in; the rest byte for byte."""
    return "".join(line for line, rule in _filter(text) if not lets_in(rule, port))
