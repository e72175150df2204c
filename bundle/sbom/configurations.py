"""TLS and SSH configurations inside a bundle, read as servers would read them, without a file of this machine's."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from bundle.walk.member import Member
from hardening.findings import NESTING, Subject

if TYPE_CHECKING:
    from hardening.tls.policies.ruleset import Policy
    from hardening.tls.targets import Target

_NAMES = re.compile(
    r"\.(?:conf|cnf|cfg|cf|vhost|ini|properties)$|(?:^|/)(?:server|jetty[\w-]*|standalone[\w-]*)\.xml$"
    r"|(?:^|/)sshd?_config$|/sites-(?:available|enabled)/",
    re.IGNORECASE,
)
_RELEASE = re.compile(r"/(?:etc/(?:os|centos|redhat|system)-release|usr/lib/os-release)$")
_LARGEST = 256 << 10
_MOST = 2000
"""Configuration files of one bundle that are read."""
_ROOT = "/bundle"


@dataclass(frozen=True, slots=True)
class Configuration:
    """What one server of a configuration would offer."""

    place: str
    server: str
    target: str
    offer: dict[str, Any]
    assumptions: tuple[str, ...] = ()
    candidates: tuple[str, ...] = ()
    """The releases it may be of, where the bundle does not say which: then nothing it offers is a fact."""


@dataclass(slots=True)
class Configurations:
    """Configuration files by the archive they lie in, kept until the whole bundle was seen."""

    trees: dict[tuple[str, ...], dict[str, str]] = field(default_factory=dict)
    count: int = 0
    left: list[str] = field(default_factory=list)
    """Places of files that are too large, or too many, to be read."""

    def take(self, member: Member, within: tuple[str, ...]) -> None:
        """Keep the text of a configuration file, or of one that names a distribution, by its path `within` the bundle."""
        wanted = member.kind == "file" and not member.derived and not member.container and not member.offset
        if not wanted or not member.size or not within:
            return
        names_release = _RELEASE.search(f"/{within[-1]}")
        if names_release and member.size <= _LARGEST:
            texts = self.trees.setdefault(within[:-1], {})
            texts[f"{_ROOT}/{within[-1]}"] = bytes(member.content).decode("utf-8", "replace")
        if names_release or not _NAMES.search(f"/{within[-1]}"):
            return
        if member.size > _LARGEST or self.count >= _MOST:
            self.left.append(NESTING.join(within))
            return
        content = bytes(member.content)
        if b"\0" in content:
            return
        self.count += 1
        texts = self.trees.setdefault(within[:-1], {})
        texts[f"{_ROOT}/{within[-1]}"] = content.decode("utf-8", "replace")

    def offers(self, distribution_of_packages: str = "") -> Iterator[Configuration]:
        """Yield what the servers offer that each of the files is for, with what it includes.

        The release is the one that the bundle's own files name, else the one that its packages are built for.
        """
        from hardening.tls.policy import load

        for target, place, server, subject, known in self._audited(
            (load("aspect"),), distribution_of_packages
        ):
            if subject.offer:
                yield _configuration(target, place, server, subject, known=known)

    def judged(self, policies: Sequence[Policy]) -> Iterator[Subject]:
        """Yield each server of the configurations as a subject with the verdicts of policies; its id is the place in the bundle."""
        for _, place, server, subject, _ in self._audited(policies, ""):
            yield replace(subject, id=f"{place}#{server}" if server else place)

    def _audited(
        self, policies: Sequence[Policy], distribution_of_packages: str
    ) -> Iterator[tuple[Target, str, str, Subject, bool]]:
        """Yield target, place, server, subject, and whether the release is known, for each server of each configuration."""
        from hardening.tls.auditing.audit import audit_tree
        from hardening.tls.auditing.mains import AuditInput, Main, outermost
        from hardening.tls.auditing.recognise import distribution, recognised
        from hardening.tls.targets.reading.tree import Tree

        for around, texts in sorted(self.trees.items()):
            for root, paths in self._hosts(around, texts, distribution_of_packages):
                tree = Tree(texts if root.inside else {**texts, **root.texts}, prefix=root.prefix)
                tree.of_host = bool(root.texts)
                every = ((recognised(tree, path), path) for path in paths)
                for main in outermost(
                    tree, [Main(target, path, guessed=True) for target, path in every if target]
                ):
                    tree.begin(())
                    known = len(main.target.facts.releases) > 1 or bool(distribution(tree))
                    for subject in audit_tree(tree, main, policies, AuditInput()).subjects:
                        file, server = _apart(subject.id, texts)
                        place = NESTING.join((*around, file.removeprefix(f"{_ROOT}/")))
                        yield main.target, place, server, subject, known

    def _hosts(
        self, around: tuple[str, ...], texts: Mapping[str, str], packages: str
    ) -> Iterator[tuple[_Host, list[str]]]:
        """Yield each host of an archive with its configurations: the nearest folder above them with files that name a release.

        Where the archive names none, the one that an archive around it names holds, if it names just one.
        """
        own = _releases(texts)
        outer: dict[str, str] = {}
        for depth in range(len(around) - 1, -1, -1):
            beyond = _releases(self.trees.get(around[:depth], {}))
            if beyond:
                outer = next(iter(beyond.values())) if len(beyond) == 1 else {}
                break
        if packages and not own and not outer:
            outer = {f"{_ROOT}/etc/centos-release": f"release {packages}"}
        shared: dict[str, list[str]] = {}
        for path in sorted(texts):
            if not _RELEASE.search(path):
                above = [one for one in own if path.startswith(f"{one}/")]
                shared.setdefault(max(above, key=len, default=""), []).append(path)
        for prefix, paths in shared.items():
            yield _Host(prefix or _ROOT, own.get(prefix, outer), inside=bool(prefix)), paths


@dataclass(frozen=True, slots=True)
class _Host:
    """The `/` of a host inside a bundle, and the files that name its release."""

    prefix: str
    texts: Mapping[str, str]
    inside: bool
    """Whether those files lie below it."""


def _releases(texts: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """Return the files that name a release, by the `/` of the host they are of and below `_ROOT`."""
    found: dict[str, dict[str, str]] = {}
    for path, text in texts.items():
        if name := _RELEASE.search(path):
            found.setdefault(path[: name.start()], {})[f"{_ROOT}{name[0]}"] = text
    return found


def _configuration(
    target: Target, place: str, server: str, subject: Subject, *, known: bool
) -> Configuration:
    offer = dict(subject.offer or {})
    notes = tuple(offer.get("assumptions", ()))
    if known and "release" in subject.stats:
        return Configuration(place, server, target.name, offer, notes)
    several = "releases" in subject.stats
    candidates = notes[:1] if several else (f"{target.name} {subject.stats.get('release', '')}",)
    return Configuration(place, server, target.name, offer, notes, candidates)


def _apart(subject: str, files: Iterable[str]) -> tuple[str, str]:
    """Return the file and the server that a subject's name is made of; the names of both may hold a `#`."""
    whole = (one for one in files if subject == one or subject.startswith(f"{one}#"))
    file = max(whole, key=len, default=subject.partition("#")[0])
    return file, subject.removeprefix(file).removeprefix("#")
