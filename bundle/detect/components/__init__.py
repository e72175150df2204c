"""Components that have no place in a bundle, or whose version is out of support or vulnerable.

Each is one TOML file under bundle/data/components; docs/components.md says how to write one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime
from pathlib import Path

from bundle.detect.components.content import Contents, Seen, line_of
from bundle.detect.components.judge import Sighting, judge
from bundle.detect.components.libraries import Libraries
from bundle.detect.components.load import from_file, shipped
from bundle.detect.components.model import Component
from bundle.detect.java.prints import Library
from bundle.walk.member import Member
from hardening.findings import Finding, Fix, InFile, Rule


class Components:
    """The component detector, over the shipped components and any others."""

    def __init__(
        self,
        components: Sequence[Component] | None = None,
        *,
        extra: Iterable[Component] = (),
        learned: Iterable[Library] = (),
        today: date | None = None,
        engine: str = "auto",
    ) -> None:
        """Prepare; `extra` wins over a shipped component of the same id, `today` decides about ends of life."""
        by_id = {c.rule.id: c for c in (shipped() if components is None else components)}
        by_id |= {c.rule.id: c for c in extra}
        self.components = tuple(by_id[key] for key in sorted(by_id))
        self.today = today or datetime.now(UTC).date()
        self._contents = Contents(self.components, engine=engine)
        self._libraries = Libraries(self.components, learned)

    def rules(self) -> tuple[Rule, ...]:
        """Return the rule of every component."""
        return tuple(c.rule for c in self.components)

    def check(self, member: Member, subject: str) -> Iterator[Finding]:
        """Say the components that this member is, holds, or is the version file of."""
        for sighting in self._sightings(member):
            finding = judge(sighting, subject, self.today)
            if finding is not None:
                yield finding

    def _sightings(self, member: Member) -> Iterator[Sighting]:
        if member.entries:
            yield from self._libraries.sightings(member)
        if member.content and not member.container:
            for seen in self._contents.seen(member):
                yield _sighting(member, seen)


def _sighting(member: Member, seen: Seen) -> Sighting:
    sign = seen.sign
    how = sign.how or f"{seen.literals} strings of its code"
    place = member.parts[-1]
    tree = sign.tree.search(place) if sign.tree is not None else None
    if tree is not None:
        end = tree.end("folder") if "folder" in tree.groupdict() else tree.start()
        return _in_tree(member, seen, place[:end], how)
    if member.derived:
        how += f" ({member.derived})"
    return Sighting(
        component=seen.component,
        location=member.at(line_of(member.content, seen.at)),
        how=how,
        versions=seen.versions,
        distribution=seen.distribution,
        fix=Fix(action="remove the file", safe=True, operation="remove-member")
        if sign.whole
        else Fix(action=f"remove or replace what holds {seen.component.name} in this file"),
    )


def _in_tree(member: Member, seen: Seen, folder: str, how: str) -> Sighting:
    """One finding for a whole folder: each of its files that is a sign says the same place and words."""
    location = InFile((*member.parts[:-1], folder) if folder else member.parts[:-1] or (".",))
    return Sighting(
        component=seen.component,
        location=location,
        how=how,
        versions=seen.versions,
        distribution=seen.distribution,
        fix=Fix(
            action=f"remove the folder {folder or '.'} with all that is in it",
            safe=_named_after(folder, seen.component),
            operation="remove-member",
            target=folder,
        ),
    )


def _named_after(folder: str, component: Component) -> bool:
    """Whether the folder is called like the component, so that nothing else is likely to lie in it."""
    name = _letters(folder.rsplit("/", 1)[-1])
    return any(_letters(word) in name for word in (component.id, component.name, *component.aliases))


def _letters(text: str) -> str:
    return "".join(c for c in text.lower() if c.isalnum())


def load_rules(path: Path) -> tuple[Component, ...]:
    """Return the components of a user's file, for `Components(extra=...)`. Errors: InputError, DataError."""
    return from_file(path)


def detector() -> Components:
    """Return the detector over what is shipped."""
    return Components()
