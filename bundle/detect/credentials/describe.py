"""What is known of a candidate beside its value: the features that `decide` goes by, each computed once."""

from __future__ import annotations

import re
from dataclasses import dataclass

from bundle.detect import roles
from bundle.detect.credentials import examples
from bundle.detect.credentials.judging.naming import DUMMIES
from bundle.detect.credentials.judging.score import is_of_all_signs
from bundle.detect.credentials.judging.values import (
    Strength,
    common,
    is_example,
    is_generated,
    is_no_word,
    strength,
)
from bundle.detect.credentials.proof import is_random
from bundle.detect.credentials.rules.catch import Catch
from bundle.detect.credentials.rules.families import Family
from bundle.detect.credentials.sureness import is_proved, is_told_whose
from bundle.detect.credentials.texts import place
from bundle.detect.credentials.texts.spans import Spans
from bundle.detect.credentials.texts.textview import View
from bundle.detect.credentials.vocabulary import any_of
from bundle.detect.credentials.whose.owning import by_its_name
from bundle.walk.member import Member
from hardening.findings import Role

_ENOUGH = 256
"""Characters of a value that say whether it was generated: tokens are longer than what is taken for a value elsewhere."""
_STORE = re.compile(r"(?i)(?:key|trust|cert)\w{0,4}store|store_?(?:pass|pwd)")
_MARKS_OF_A_HASH = ("$", "{", "*")
"""What begins a hash that cannot be a generated password as well, as 32 hexadecimal digits can."""
_CRYPT = re.compile(r"\$(?:1|2[abxy]?|5|6|7|y|gy|apr1|P|H|argon2\w{0,2}|scrypt)\$")
"""What begins a hash that programs take in the place of a password: `useradd -p`."""
_BY_PLACE = frozenset(f"credential/{name}" for name in "login-call back-door command-line sql url".split())
"""Families that take whatever stands in a place."""
_SHOWN = frozenset("test foo bar example sample demo dummy xxx changeme change_me tomcat".split())
"""Words that explanations are written with, as `password` is, what asks for another one, and Tomcat's own example."""
_ACCOUNTS = frozenset((("tiger", "scott"),))
"""Accounts of which every manual of their maker's speaks."""
_COMMAND = "credential/command-line"
_LIVES_ELSEWHERE = frozenset((Role.TEST, Role.CI))
_FILLED_IN = frozenset((Role.EXAMPLE, Role.SAMPLE))
_NOT_DELIVERED = frozenset((Role.DEV_CONTAINER, Role.VENDORED))
_OF_NO_FORM = _BY_PLACE | {f"credential/{name}" for name in ("assignment", "xml")}
"""Families whose values have no form of their own."""
_STANDS_FOR_ONE = re.compile("(?i)" + any_of("value/stands-for-a-password"))
"""Words for a password, for a test, and for the wish that somebody sets another one."""


@dataclass(frozen=True, slots=True)
class Text:
    """One text, with what is known of all its candidates."""

    member: Member
    view: View
    kind: str
    path: str
    """Inside the innermost archive."""
    role: Role
    spans: Spans

    @classmethod
    def of(cls, member: Member, view: View, kind: str, subject: str) -> Text:
        """Describe a text of this kind."""
        path = place.inside(member, subject)
        explains = member.derived != "sheet-text" and place.is_documentation(path, kind, member.content)
        explains = explains or (bool(member.derived) and place.is_prose_by_name(member.name))
        role = Role.DOCUMENTATION if explains else roles.of(path, member.content)
        if role is Role.PRODUCT and roles.is_test(place.around(member, subject)):
            role = Role.TEST  # an archive, or an encoded file, that a test works on
        return cls(member, view, kind, path, role, Spans.of(member, view.data, kind))

    def describe(self, one: Catch, family: Family, owner: Catch) -> tuple[frozenset[str], Role]:
        """Return the features of a candidate, and the role of its place; `owner` has the account and the service beside it."""
        view, at = self.view, one.start
        before = view.before(at)
        role, shown = self._role(at)
        found = {f"kind:{self.kind}", *_of_value(one, family, role, self.member, self.kind, view, owner)}
        if shown:
            found |= {"explained", "not-live"}
        if role in _LIVES_ELSEWHERE and not (
            family.rule.id == _COMMAND and examples.acts_elsewhere(self.path, view.line(at))
        ):
            found |= {"test", "not-live"}
        if examples.is_public(view, at):
            found.add("public")
        if self.spans.comment(at) or place.is_comment(before, self.kind):
            found.add("comment")
            own = _is_of_letters(one.value) and not is_example(one.value)
            if own or is_generated(one.value) or strength(one.value) is Strength.NO:
                found.add("own")
            elif (
                view.mapped or found & {"test", "explained"} or examples.introduced(view, at)
                or not _was_in_use(one, family)
            ):  # fmt: skip
                found.add("idle-comment")
        return frozenset(found), role

    def _role(self, at: int) -> tuple[Role, bool]:
        """Return the role of a place, and whether a text for people says there that something is an example.

        It is the role of the file, unless a text for people stands in a program.
        """
        if self.role is Role.DOCUMENTATION or self.spans.documents(at):
            return Role.DOCUMENTATION, True
        shown = examples.explains(self.view, at)
        if self.role in _LIVES_ELSEWHERE | _FILLED_IN:
            return self.role, shown
        beside = self.kind == place.CONFIG and examples.beside_a_host(self.view, at)
        return (Role.EXAMPLE if shown or beside else self.role), shown


def of_compiled(
    one: Catch, family: Family, member: Member, subject: str, *, java: bool
) -> tuple[frozenset[str], Role]:
    """Return the features of a candidate in a compiled program, which has no lines, and the role of the program."""
    role = roles.by_path(place.inside(member, subject))[0]
    found = set(_of_value(one, family, role, member, place.CODE, None, by_its_name(one)))
    if role in _LIVES_ELSEWHERE:
        found |= {"test", "not-live"}
    if not java:
        found.discard("store-default")
    return frozenset(found), role


def _of_value(
    one: Catch, family: Family, role: Role, member: Member, kind: str, view: View | None, owner: Catch
) -> set[str]:
    """Return the features that do not depend on the line."""
    said, example = strength(one.value), is_example(one.value)
    letters = _is_of_letters(one.value)
    hashed = family.rule.id == "credential/password-hash" and one.value.startswith(_MARKS_OF_A_HASH)
    documents = role is Role.DOCUMENTATION
    found = {
        "explained": documents,
        "not-live": documents,
        "sample": role in _FILLED_IN,
        "chosen": (said in (Strength.MIXED, Strength.NO) or is_no_word(one.value)) and not example,
        "somebodys": (is_generated(one.value[:_ENOUGH]) or letters) and not example,
        "told": one.told,
        "elsewhere": role in _NOT_DELIVERED,
        "picked": family.rule.id in _OF_NO_FORM
        and not is_random(one.value)
        and not is_of_all_signs(one.value),
        "owned": bool(owner.user or owner.service) or is_told_whose(one, family, member, kind, view),
        "stands-for-one": bool(_STANDS_FOR_ONE.fullmatch(one.value)) and not one.mark,
        "usual": one.value.lower() in common(),
        "with-account": bool(one.user),
        "hash-value": _CRYPT.match(one.value) is not None,
        "hash-by-form": hashed and one.mark in ("", "not-tried"),
        "store-default": kind == place.CODE and one.value == "changeit" and bool(_STORE.search(one.key)),
        "proved": is_proved(one, family, member, kind, view),
        f"mark:{one.mark}": bool(one.mark),
        f"family:{family.rule.id.removeprefix('credential/')}": True,
        f"role:{role.value}": True,
    }
    return {name for name, holds in found.items() if holds}


def _is_of_letters(value: str) -> bool:
    """Whether a value is letters alone that make no word: what a program's names are made of are words."""
    return value.isalpha() and is_no_word(value)


def _was_in_use(one: Catch, family: Family) -> bool:
    """Whether a statement that is commented out logged in with a password that people choose, or is one of those tried first."""
    small = one.value.lower()
    default = (small == "changeit" and _STORE.search(one.key)) or (small, one.user.lower()) in _ACCOUNTS
    if one.is_hint or small in DUMMIES | _SHOWN or default:
        return False
    said = strength(one.value)
    if said is Strength.WORD:
        sure = one.is_certain or one.user.lower() == small
        return family.rule.id in _BY_PLACE and sure
    return said is Strength.COMMON or one.is_certain
