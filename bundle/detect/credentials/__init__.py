"""Hard-coded credentials: found by where a value stands, judged by what it says for itself.

The way of a value, in the order to read:
1. find: `rules.pattern_gate` says where to look, `catching` what the rows of `bundle/data/credentials` make of it; `reading` asks for
   a text, `compiled` for a program. A row names its check: `statements`, `lines`, `java` and `prose` have them. A check
   returns the id of its evidence, which `rules.evidence` reads, and never a confidence.
2. describe: `describe` computes the features once, `judging.score` whether a generator drew the value; `forms` adds rows.
3. own: `whose` names account and service by what stands beside the value; the next step reads them as features.
4. decide: `decide` applies `evidence.toml`, `forms.toml` and `decisions.toml`, the only author of severity, confidence and safe fix.
5. report: `reporting` makes the finding. The value itself never leaves this package: findings carry the name beside it.
A folder imports only those before it: `rules`, `judging`, `texts`, `statements` and `lines`, `java` and `prose`, `whose`.
"""

from __future__ import annotations

import hmac
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import chain
from os import urandom
from pathlib import Path

from bundle.detect.credentials import forms
from bundle.detect.credentials.catching import Catching
from bundle.detect.credentials.compiled import Compiled
from bundle.detect.credentials.decide import Decision, decide
from bundle.detect.credentials.describe import Text, of_compiled
from bundle.detect.credentials.judging import cracking
from bundle.detect.credentials.judging.score import is_drawn
from bundle.detect.credentials.judging.values import SECRET_WORD, is_generated
from bundle.detect.credentials.parts import Gates
from bundle.detect.credentials.reading import Reading
from bundle.detect.credentials.reporting import SUDO, by_path, finding, named
from bundle.detect.credentials.rules.catch import Catch
from bundle.detect.credentials.rules.families import Family, shipped
from bundle.detect.credentials.snippets import Snippets
from bundle.detect.credentials.standing import distinct
from bundle.detect.credentials.texts import native, place
from bundle.detect.credentials.texts.replacing import Literal, is_reference, literal, reference
from bundle.detect.credentials.texts.textview import View
from bundle.detect.credentials.whose.owning import by_its_name, owned
from bundle.walk.member import Member
from bundle.walk.problem import RULES
from hardening.findings import Finding, Role, Rule

_UNREADABLE = frozenset(
    "png jpeg gif ogg mp3 font pyc ole jks pdf sqlite zip gzip xz bzip2 zstd empty".split()
)
_FEW_DIGITS = 2
_MOST_SURE = 24
"""Passwords of one family in one file that are told as sure, but for drawn ones."""
COMPILED = "the program is compiled"
_WITH_ARCHIVES = frozenset(("makeself", "self-extracting", *native.PROGRAMS))
"""What is read although archives lie in it: a script or a program is more than what it carries."""


class Credentials:
    """The credential families behind one gate; stateless between members."""

    def __init__(
        self, families: Sequence[Family] | None = None, *, engine: str = "auto", key: bytes = b""
    ) -> None:
        """Compile the gate; `engine` is `auto` or `plain`, `key` that of `--baseline-key`."""
        self._key = key
        self._own_key = urandom(32)
        """Tells equal values apart from others within this process and its workers, and is written nowhere."""
        self._families = tuple(shipped() if families is None else families)
        self._of_paths = [f for f in self._families if f.path is not None]
        self._catching = Catching(self._families, engine=engine)
        self.compiled = Compiled(self._catching, engine=engine)
        self._reading = Reading(self._catching, self.compiled, engine=engine)

    @property
    def seals(self) -> bool:
        """Whether findings carry the HMAC of their value."""
        return bool(self._key)

    @property
    def base(self) -> bytes:
        """What results depend on beside rules and files of the package."""
        return self._catching.base

    def rules(self) -> tuple[Rule, ...]:
        """Return every rule this detector can say."""
        return tuple(f.rule for f in self._families)

    @property
    def gates(self) -> Gates:
        """The gates over all patterns."""
        return self._catching.gates

    def prepare(self) -> None:
        """Compile what large bundles need, before processes are forked that would each compile it."""
        self.gates.compile()

    def warm(self) -> None:
        """Compile and keep everything that any bundle may need."""
        self._catching.warm()

    def check(self, member: Member, subject: str) -> Iterator[Finding]:
        """Say the credentials in one member."""
        found = self._in_member(member, subject)
        return chain(by_path(member, subject, self._of_paths), found) if self._of_paths else found

    def _in_member(self, member: Member, subject: str) -> Iterator[Finding]:
        if (
            not member.content
            or member.kind != "file"
            or (member.container and member.format not in _WITH_ARCHIVES)
            or member.derived == "utf-16"  # the file itself is read, with its own lines
        ):
            return iter(())
        if member.format == "class" and not member.derived:
            return self._in_compiled(member, subject, java=True)
        if native.is_native(member):
            return self._in_compiled(member, subject, java=False)
        if _unreadable(member):
            return iter(())
        view, kind, caught = self._read(member, subject)
        found = self._in_place(member, view, subject, kind, caught) if caught else iter(())
        return found if view.reach is None else chain(found, (_partial(member, view, subject),))

    def _read(self, member: Member, subject: str) -> tuple[View, str, Sequence[tuple[Family, Catch]]]:
        """Return a text, its kind and what is caught in it, with the work that one member may cost."""
        cracking.begin()
        view = View.of(member)
        kind, caught = self._reading.text(member, view, self._path(member, subject))
        return view, kind, caught

    def _in_place(
        self, member: Member, view: View, subject: str, kind: str, caught: Sequence[tuple[Family, Catch]]
    ) -> Iterator[Finding]:
        kept = [
            (one, literal(member, view, one.family.rule.id, named(one.owner), kind, one.decision))
            for one in self._judged(member, view, subject, kind, caught)
            if not one.decision.dropped
        ]
        references = {(to.start, to.end): reference(to, to.name) for _, to in kept if isinstance(to, Literal)}
        snippets = Snippets(view, caught, references)
        for one, to in kept:
            line, column = view.place(one.catch.start)
            by_hand = to if isinstance(to, str) else ""
            said = self._finding(member, subject, one, line, column, by_hand=by_hand)
            text, mended = ("", "") if member.derived else snippets.around(one.catch.start)
            yield replace(said, snippet=text, mended="" if by_hand else mended)

    def literals(self, member: Member, key: bytes, subject: str = "") -> Iterator[Literal]:
        """Yield what may be replaced by a reference, with the place of its finding; `key` seals the values."""
        if member.container or member.kind != "file" or member.format == "class" or _unreadable(member):
            return
        view, kind, caught = self._read(member, subject)
        for one in self._judged(member, view, subject, kind, caught):
            found = literal(member, view, one.family.rule.id, named(one.owner), kind, one.decision, key=key)
            if isinstance(found, Literal) and not one.decision.dropped:
                yield found

    def judged(self, member: Member, subject: str) -> list[Judged]:
        """Return every candidate of a member with what is decided about it, what is not reported among them."""
        if not member.content or member.kind != "file":
            return []
        if member.format == "class" and not member.derived:
            return list(self._judged_compiled(member, subject, java=True))
        if native.is_native(member):
            return list(self._judged_compiled(member, subject, java=False))
        if _unreadable(member):
            return []
        view, kind, caught = self._read(member, subject)
        found = []
        for one in self._judged(member, view, subject, kind, caught):
            line, column = view.place(one.catch.start)
            said = literal(member, view, one.family.rule.id, named(one.owner), kind, one.decision)
            by_hand = said if isinstance(said, str) else ""
            found.append(replace(one, line=line, column=column, by_hand=by_hand))
        return found

    def near(self, member: Member) -> list[tuple[int, str, str]]:
        """Return the line, the row and the check of each pattern of a text that matched and was dismissed by its check."""
        if not member.content or member.kind != "file" or _unreadable(member):
            return []
        view = View.of(member)
        return self._catching.dismissed(view, place.style(member))

    def _judged(
        self, member: Member, view: View, subject: str, kind: str, caught: Sequence[tuple[Family, Catch]]
    ) -> Iterator[Judged]:
        """Yield each candidate of a text with its decision and the account beside it."""
        if not caught:
            return
        text = Text.of(member, view, kind, subject)
        kept = list(self._kept(text, caught))
        values = {c.value for _, c in kept}
        sure: Counter[str] = Counter()
        for family, one in kept:
            owner = _owner(one, family, view, kind, values, text.path)
            features, role = text.describe(one, family, owner)
            had = forms.of(one, features, family.rule.id.removeprefix("credential/"), kind, text.path, view)
            decision = _decided(family, one, features, role, had)
            if decision.is_certain and not is_drawn(one.value):
                sure[family.rule.id] += 1
                if sure[family.rule.id] > _MOST_SURE:
                    decision = _decided(family, one, features | {"one-of-many"}, role, had)
            yield Judged(family, one, owner, decision)

    @staticmethod
    def _kept(text: Text, caught: Sequence[tuple[Family, Catch]]) -> Iterator[tuple[Family, Catch]]:
        """Yield the candidates of a text, each value once, in order, without texts for people."""
        translation = cache(
            lambda: place.is_translation(text.member, text.path, text.kind)
        )  # of what few are asked
        for family, one in distinct(caught):
            if _is_a_text(family, one) and translation():
                continue
            if not is_reference(text.view, one):
                yield family, one

    def _path(self, member: Member, subject: str) -> str:
        """Return the whole path of a member where a user's own rule may ask for it."""
        return place.whole(member, subject) if self._catching.asks_for_paths else ""

    def _finding(
        self, member: Member, subject: str, one: Judged, line: int | None, column: int | None, *, by_hand: str
    ) -> Finding:
        found = finding(
            member, subject, one.family, one.catch, line, column, decision=one.decision, by_hand=by_hand, owner=one.owner
        )  # fmt: skip
        if one.family.rule.id == SUDO:
            return found
        found = replace(found, same=_seal(self._own_key, one.catch.value)[:16])
        if not self._key:
            return found
        return replace(found, secret_hmac=_seal(self._key, one.catch.value).hex()[:32])

    def _in_compiled(self, member: Member, subject: str, *, java: bool) -> Iterator[Finding]:
        """Yield what a compiled program holds, which has no lines."""
        for one in self._judged_compiled(member, subject, java=java):
            yield self._finding(member, subject, one, None, None, by_hand=COMPILED)

    def _judged_compiled(self, member: Member, subject: str, *, java: bool) -> Iterator[Judged]:
        cracking.begin()
        if java:
            caught = self.compiled.in_class(bytes(member.content))
        else:
            caught = self.compiled.in_native(member.content, self._path(member, subject))
        for family, one in caught:
            decision = _decided(family, one, *of_compiled(one, family, member, subject, java=java))
            yield Judged(family, one, by_its_name(one), decision, by_hand=COMPILED)


@dataclass(frozen=True, slots=True)
class Judged:
    """A candidate with what is decided about it."""

    family: Family
    catch: Catch
    owner: Catch
    """The candidate with the account and the service beside it."""
    decision: Decision
    line: int | None = None
    column: int | None = None
    by_hand: str = ""
    """Why a person has to replace the value; only of `Credentials.judged`."""


def _decided(
    family: Family, one: Catch, features: frozenset[str], role: Role, had: Sequence[forms.Form] = ()
) -> Decision:
    return decide(features, family.rule.severity, one.evidence, role, had)


def _partial(member: Member, view: View, subject: str) -> Finding:
    """Return what is said of a text that costs more than it may."""
    rest = f"the rest from byte {view.reach} on" if view.reach else "parts of it"
    message = f"{member.name} holds more possible credentials than are examined in one member: of its {len(view.data)} bytes, {rest} stayed unexamined"
    return Finding(rule=RULES["limit-work"], subject=subject, location=member.at(), message=message)


def _owner(one: Catch, family: Family, view: View, kind: str, values: set[str], path: str) -> Catch:
    """Return a catch with what stands beside it of its account, unless that is another password of the text."""
    owner = owned(one, family.rule.id, view, kind, path)
    others = tuple(name for name in owner.others if name not in values)
    another = owner.user in values and owner.user != one.value
    return replace(owner, user=one.user if another else owner.user, others=() if another else others)


def _is_a_text(family: Family, one: Catch) -> bool:
    """Whether what is caught in a file of translations may be one of them."""
    sure = one.is_certain and family.rule.id != "credential/assignment"
    if sure or family.rule.id == "credential/login-call":
        return False
    if is_drawn(one.value) and not SECRET_WORD.search(one.value):
        return False
    digits = sum(c.isdigit() for c in one.value)
    return digits < _FEW_DIGITS or not is_generated(one.value) or bool(SECRET_WORD.search(one.value))


def _unreadable(member: Member) -> bool:
    """Whether this is not text, nor a text with a stray mark."""
    return not member.derived and (member.format in _UNREADABLE or native.is_binary(member))


def _seal(key: bytes, value: str) -> bytes:
    return hmac.digest(key, value.encode("utf-8", "surrogatepass"), "sha256")


def detector(gitleaks: Sequence[Path] = (), key: bytes = b"") -> Credentials:
    """Return the detector over what is shipped and rule files in gitleaks' format.

    With a `key` each finding carries the HMAC of its value under it. Errors: InputError, DataError.
    """
    if not gitleaks:
        return Credentials(key=key)
    from bundle.detect.credentials.rules.gitleaks import load_gitleaks

    own = {f.rule.id: f for path in gitleaks for f in load_gitleaks(path)}
    return Credentials((*shipped(), *own.values()), key=key)
