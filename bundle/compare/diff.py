"""What came, went and changed between two bundles: members, components, credentials, cryptography, privileges, ports."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic

from bundle.compare.exposure import listening, sudo_rules
from bundle.detect.components import Components
from bundle.detect.credentials import detector as credential_detector
from bundle.detect.credentials.reporting import SUDO
from bundle.sbom.contents import Contents, place_in, take
from bundle.trust.inventory import Item, changes, item
from bundle.walk import walk
from bundle.walk.limits import WalkLimits
from bundle.walk.member import Member
from hardening.errors import InputError
from hardening.findings import NESTING, Examined, Finding, InFile, Rule, Run, Severity, Subject, SubjectKind


def _rule(word: str, severity: Severity, title: str, rationale: str, remedy: str) -> Rule:
    return Rule(id=f"diff/{word}", title=title, severity=severity, rationale=rationale, remedy=remedy)


_INFO, _LOW, _MEDIUM, _HIGH = Severity.INFO, Severity.LOW, Severity.MEDIUM, Severity.HIGH
_EXPECTED = "Check that the release notes name it."
RULES = {
    rule.id.removeprefix("diff/"): rule
    for rule in (
        _rule("member", _INFO, "A member was added, removed or changed",
              "A reviewer of a release looks at what changed since the last one.", _EXPECTED),
        _rule("component", _LOW, "A component was added, removed or changed its version",
              "New components bring their own weaknesses; old versions bring known ones back.", _EXPECTED),
        _rule("credential", _HIGH, "A credential was added or removed",
              "A credential in a release is known to everybody who has the release.",
              "Remove it. `harden bundle audit BUNDLE` names its place and remedy."),
        _rule("crypto", _LOW, "A certificate or private key was added or removed",
              "Keys and certificates determine whom the product trusts.", _EXPECTED),
        _rule("setuid", _MEDIUM, "A set-user-id or set-group-id program was added, removed or changed",
              "Such a program runs with its owner's rights, whoever starts it.", "Ask its maker why the program needs these rights."),
        _rule("sudoers", _MEDIUM, "A sudoers rule was added or removed",
              "A sudoers rule gives rights to whoever may use it.", "Ask its maker why the rule is needed."),
        _rule("port", _LOW, "A listening port named in a configuration was added or removed",
              "A firewall rarely filters a port that nobody expects.", "Compare it with the firewall's rules."),
    )
}  # fmt: skip
"""Every rule a comparison can say. What went is always of severity info."""
_MOST_PLACES = 3
"""Places of one component that are written out."""


@dataclass(slots=True)
class _Side:
    """What one bundle holds; the keys are what makes two facts the same."""

    items: dict[str, Item] = field(default_factory=dict)
    containers: set[str] = field(default_factory=set)
    contents: Contents = field(default_factory=lambda: Contents(Path()))
    facts: dict[str, dict[tuple[str, ...], tuple[str, str]]] = field(
        default_factory=lambda: {word: {} for word in RULES}
    )
    """By the word of the rule: key, then place and what is said of it."""
    partial: str = ""

    @property
    def lacking(self) -> str:
        """Why not all of it was compared; a file that is not an archive, or an empty one, has nothing to compare."""
        return self.partial or ("" if self.items else "no archive with members")


def rules() -> tuple[Rule, ...]:
    """Return every rule a comparison can say."""
    return tuple(RULES.values())


def diff(old: Path, new: Path, *, limits: WalkLimits | None = None) -> Run:
    """Return everything that came, went or changed from `old` to `new`, as findings about `new`.

    Errors: InputError (absent, unreadable).
    """
    started, begun = datetime.now(UTC), monotonic()
    before, after = _side(old, limits), _side(new, limits)
    subject = str(new)
    findings = [
        Finding(
            rule=RULES[word], subject=subject, severity=severity, evidence=evidence,
            location=InFile((str(old) if gone else subject, *(place.split(NESTING) if place else ()))),
            message=message,
        )
        for word, severity, place, gone, message, evidence in (*_members(before, after), *_facts(before, after))
    ]  # fmt: skip
    partial = "; ".join(
        f"{path}: {why}" for path, side in ((old, before), (new, after)) if (why := side.lacking)
    )
    tally = dict.fromkeys(RULES, 0)
    for finding in findings:
        tally[finding.rule.id.removeprefix("diff/")] += 1
    stats = {"old": str(old), "members": len(after.items), **tally, "seconds": round(monotonic() - begun, 3)}
    examined = Examined.PARTIAL if partial else Examined.FULL
    if not before.items and not after.items:
        examined, partial = Examined.NONE, "neither of the two is an archive with members"
    seen = Subject(id=subject, kind=SubjectKind.BUNDLE, examined=examined, reason=partial, stats=stats)
    return Run.of([seen], findings, started=started)


def _side(path: Path, limits: WalkLimits | None) -> _Side:
    if not path.exists():
        raise InputError(f"{path}: no such file", hint="give two bundles")
    side = _Side()
    side.contents.path = path
    credentials, components = credential_detector(), Components()
    for seen in walk(str(path), limits or WalkLimits()):
        if not isinstance(seen, Member):
            if seen.partial and not side.partial:
                side.partial = f"{place_in(path, seen.parts)} {seen.message}".strip()
            continue
        place = place_in(path, seen.parts)
        take(side.contents, seen, components)
        for finding in credentials.check(seen, ""):
            if finding.rule.id == SUDO:  # told as rules, and no credential
                continue
            key = (place, finding.rule.id, finding.evidence)
            side.facts["credential"][key] = (place, f"{finding.message} [{finding.rule.id}] in {place}")
        if seen.derived or seen.offset or seen.kind == "listing" or not place:
            continue
        side.items[place] = item(seen)
        if seen.container:
            side.containers.add(place)
        _privileges(side, seen, place)
    _inventory(side)
    return side


def _privileges(side: _Side, member: Member, place: str) -> None:
    if member.kind == "file" and member.mode is not None and member.mode & 0o6000:
        side.facts["setuid"][(place, f"{member.mode:04o}")] = (
            place,
            f"{place} with mode {member.mode:04o}, owner {side.items[place].owner or 'unknown'}",
        )
    for rule in sudo_rules(member):
        side.facts["sudoers"][(place, rule)] = (place, f"sudoers rule in {place}: {rule}")
    for port, how in listening(member):
        side.facts["port"][(place, str(port), how)] = (place, f"port {port} in {place} ({how})")


def _inventory(side: _Side) -> None:
    for known in side.contents.known.values():
        places = ", ".join(known.places[:_MOST_PLACES])
        if len(known.places) > _MOST_PLACES:
            places += f" and {len(known.places) - _MOST_PLACES} more places"
        name = f"{known.name} {known.version}".strip()
        key = (known.name, known.version, known.purl)
        side.facts["component"][key] = (known.places[0], f"{name} at {places or 'the bundle itself'}")
    for asset in side.contents.assets:
        kind = asset.kind.replace("-", " ")
        number = f" sha256 {asset.certificate.sha256[:16]}" if asset.certificate else ""
        side.facts["crypto"][asset.place, kind, asset.name, number] = (
            asset.place,
            f"{kind} {asset.name}{number} in {asset.place}",
        )


_Row = tuple[str, Severity, str, bool, str, str]
"""Word of the rule, severity, place, whether it is a place in the old bundle, message, evidence."""


def _facts(before: _Side, after: _Side) -> Iterator[_Row]:
    for word, rule in RULES.items():
        old, new = before.facts[word], after.facts[word]
        for key in new.keys() - old.keys():
            place, message = new[key]
            yield word, rule.severity, place, False, f"added: {message}", "came " + " ".join(key[1:])
        for key in old.keys() - new.keys():
            place, message = old[key]
            yield word, Severity.INFO, place, True, f"removed: {message}", "went " + " ".join(key[1:])


def _members(before: _Side, after: _Side) -> Iterator[_Row]:
    added = _outermost(after.items.keys() - before.items.keys(), after.items)
    went = _outermost(before.items.keys() - after.items.keys(), before.items)
    changed = [p for p in before.items.keys() & after.items.keys() if before.items[p] != after.items[p]]
    for place, inside in added.items():
        yield "member", Severity.INFO, place, False, f"added: {place}{_with(inside)}", "came"
    for place, inside in went.items():
        yield "member", Severity.INFO, place, True, f"removed: {place}{_with(inside)}", "went"
    within = {
        NESTING.join(parts[:n])
        for parts in (p.split(NESTING) for p in (*added, *went, *changed))
        for n in range(1, len(parts))
    }
    for place in changed:
        words = changes(before.items[place].to_json(), after.items[place].to_json())
        if place in within and place in before.containers and place in after.containers:
            # what changed in an archive is listed on its own; only its own facts are left to say
            words = [w for w in words if w not in ("content", "size")]
            if not words:
                continue
        yield "member", Severity.INFO, place, False, f"changed: {place} ({', '.join(words)})", "changed"


def _with(inside: int) -> str:
    return f" with {inside} members in it" if inside else ""


def _outermost(places: Iterable[str], items: Mapping[str, Item]) -> dict[str, int]:
    """Return the places that lie in none of the others, each with how many of the others lie in it."""
    here = set(places)
    kept: dict[str, int] = {}
    for place in (p for p in items if p in here):
        parts = place.split(NESTING)
        around = next((a for n in range(1, len(parts)) if (a := NESTING.join(parts[:n])) in here), None)
        if around is None:
            kept.setdefault(place, 0)
        else:
            kept[around] = kept.get(around, 0) + 1
    return kept
