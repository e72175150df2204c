"""Protocol versions that a file names and nobody can use: today nothing, with another library an offer."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from hardening.findings import Finding, InFile, Rule, Severity
from hardening.tls.judging.facts import place
from hardening.tls.offer import Inert, Offer
from hardening.tls.policies.ruleset import Policy
from hardening.tls.targets.reading.tree import Tree

INERT = Rule(
    id="tls/inert-protocol",
    title="A protocol version is switched on that cannot be used",
    severity=Severity.INFO,
    rationale="The version is not offered now. With another library or setting it would be offered without notice.",
    remedy="Take it out of the list.",
)
_NAMES = {
    "SSLv2": r"ssl[v._]?2",
    "SSLv3": r"ssl[v._]?3",
    "TLSv1.0": r"tls[v_-]{0,2}1(?:[._]0)?(?![._]?\d)",
    "TLSv1.1": r"tls[v_-]{0,2}1[._]?1(?!\d)",
    "TLSv1.2": r"tls[v_-]{0,2}1[._]?2(?!\d)",
    "TLSv1.3": r"tls[v_-]{0,2}1[._]?3(?!\d)",
    "protocol 1": r"^\s*protocol\b.*1",
}
"""How servers spell each version."""
_WORDS = {name: re.compile(pattern, re.IGNORECASE) for name, pattern in _NAMES.items()}
_GOES_ON = ("\\", "(", ",")
_LINES = 8


def found(offer: Offer, tree: Tree, policies: Sequence[Policy]) -> Iterator[Finding]:
    """Yield one finding per version that a line names; what a default or a word such as `all` brings is not named."""
    for one in offer.inert:
        if isinstance(one.located.at, InFile) and _named(one, one.located.at, tree):
            name = one.located.value
            against = tuple(sorted(p.id for p in policies if _against(p, name)))
            yield Finding(
                rule=INERT,
                subject=offer.subject,
                location=one.located.at,
                message=f"{name} is enabled but has no effect: {one.why}",
                evidence=name,
                remedy=f"Take {name} out{place(one.located.at)}."
                if against
                else f"Nothing is offered under {name}: let the server use a library that does it, or take it out{place(one.located.at)}.",
                policies=against,
            )


def _against(policy: Policy, name: str) -> bool:
    if name == "protocol 1":
        return any(rule.no_protocol1 for rule in policy.ssh)
    return policy.forbids_protocol(name) is not None


def _named(one: Inert, at: InFile, tree: Tree) -> bool:
    source = tree.source(at.path) if at.line is not None and tree.exists(at.path) else None
    if source is None or at.line is None:
        return False
    begin = 0
    for _ in range(at.line - 1):
        begin = source.text.find("\n", begin) + 1
    lines: list[str] = []
    for line in source.text[begin : begin + 4096].split("\n")[:_LINES]:
        lines.append(line)
        if not line.rstrip().endswith(_GOES_ON):
            break
    return _WORDS[one.located.value].search("\n".join(lines)) is not None
