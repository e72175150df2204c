"""TLS and SSH configurations inside a bundle, read as servers would read them, without a file of this machine's."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from bundle.walk.member import Member
from hardening.findings import NESTING

_NAMES = re.compile(
    r"\.(?:conf|cnf|cfg|cf|vhost|ini|properties)$|(?:^|/)(?:server|jetty[\w-]*|standalone[\w-]*)\.xml$"
    r"|(?:^|/)sshd?_config$|/sites-(?:available|enabled)/",
    re.IGNORECASE,
)
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


@dataclass(slots=True)
class Configurations:
    """Configuration files by the archive they lie in, kept until the whole bundle was seen."""

    trees: dict[tuple[str, ...], dict[str, str]] = field(default_factory=dict)
    count: int = 0
    left: list[str] = field(default_factory=list)
    """Places of files that are too large, or too many, to be read."""

    def take(self, member: Member, within: tuple[str, ...]) -> None:
        """Keep the text of a configuration file, by its path `within` the bundle."""
        wanted = member.kind == "file" and not member.derived and not member.container and not member.offset
        if not wanted or not member.size or not within or not _NAMES.search(f"/{within[-1]}"):
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

    def offers(self) -> Iterator[Configuration]:
        """Yield what the servers offer that each of the files is for, with what it includes."""
        from hardening.tls.auditing.audit import audit_tree
        from hardening.tls.auditing.mains import Asked, Main, outermost
        from hardening.tls.auditing.recognise import recognised
        from hardening.tls.policy import load
        from hardening.tls.targets.tree import Tree

        policies = (load("aspect"),)
        for around, texts in sorted(self.trees.items()):
            tree = Tree(texts, prefix=_ROOT)
            every = ((recognised(tree, path), path) for path in sorted(texts))
            for main in outermost(
                tree, [Main(target, path, guessed=True) for target, path in every if target]
            ):
                tree.begin(())
                for subject in audit_tree(tree, main, policies, Asked()).subjects:
                    if not subject.offer:
                        continue
                    file, server = _apart(subject.id, texts)
                    offer = dict(subject.offer)
                    yield Configuration(
                        NESTING.join((*around, file.removeprefix(f"{_ROOT}/"))), server, main.target.name, offer,
                        tuple(offer.get("assumptions", ())),
                    )  # fmt: skip


def _apart(subject: str, files: Iterable[str]) -> tuple[str, str]:
    """Return the file and the server that a subject's name is made of; the names of both may hold a `#`."""
    whole = (one for one in files if subject == one or subject.startswith(f"{one}#"))
    file = max(whole, key=len, default=subject.partition("#")[0])
    return file, subject.removeprefix(file).removeprefix("#")
