"""The classic traps of cipher strings, found in what a string resolved to."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from difflib import get_close_matches
from functools import lru_cache

from hardening.tls import registry
from hardening.tls.libraries.builds import build
from hardening.tls.libraries.library import GENERATIONS, Cipher
from hardening.tls.libraries.openssl_chain import SINCE_32, SINCE_102, SINCE_110
from hardening.tls.openssl import INVALID, NO_MATCH, PROFILE, CipherStep, Resolution, usable

_SHOWN = 3
_WITHOUT_ENCRYPTION = ("TLS_SHA256_SHA256", "TLS_SHA384_SHA384")


def notes(resolution: Resolution) -> tuple[str, ...]:
    """Return one sentence per trap the string steps into, worst first."""
    steps = [step for step in resolution.steps if not step.inside]
    found = [note for trap in TRAPS for note in trap(resolution, steps)]
    return tuple(dict.fromkeys(found))


def _some(ciphers: Sequence[Cipher]) -> str:
    names = ", ".join(c.name for c in ciphers[:_SHOWN])
    left = len(ciphers) - _SHOWN
    return f"{names} and {left} more" if left > 0 else names


def _generation(resolution: Resolution) -> int:
    return GENERATIONS.index(resolution.build.generation)


def _refused(resolution: Resolution, steps: Sequence[CipherStep]) -> Iterator[str]:
    if resolution.error == NO_MATCH:
        yield "Nothing is selected: this library refuses the string, and most servers then do not start."
    if resolution.error != INVALID:
        return
    at = _generation(resolution)
    for step in steps:
        if step.action != "error":
            continue
        if step.element.startswith("@SECLEVEL") and at < SINCE_110:
            why = "security levels came with OpenSSL 1.1.0"
        elif at == 0 and "TLSv1." in resolution.string and step.element == ".":
            why = "0.9.8 reads TLSv1 and trips over the dot: it knows no TLSv1.2"
        elif step.element.startswith("@"):
            why = "only @STRENGTH and, from 1.1.0 on, @SECLEVEL=0 to 5 are commands"
        else:
            why = "a keyword or a cipher's name is required there"
        yield f"{step.element!r} makes the whole string invalid: {why}. The library refuses all of it."


@lru_cache(maxsize=4096)
def _nearest(word: str, build_name: str) -> str:
    one = build(build_name)
    known = (*one.keywords, *(c.name for c in one.ciphers))
    return next(iter(get_close_matches(word, known, n=1, cutoff=0.75)), "")


def _unknown(resolution: Resolution, steps: Sequence[CipherStep]) -> Iterator[str]:
    known = {*resolution.build.keywords, *(c.name for c in resolution.build.ciphers)}
    for step in steps:
        if step.action != "unknown":
            continue
        for word in step.element.lstrip("+-!").split("+"):
            if word in known:
                continue
            suite = registry.find_suite(word)
            if suite is not None and suite.tls13:
                yield (
                    f"{word} has no effect here: TLS 1.3 suites are not in the cipher list but in a setting "
                    "of their own (Ciphersuites)."
                )
            elif word.startswith("PROFILE="):
                yield (
                    f"{word} is Red Hat's system-wide policy (/etc/crypto-policies), which is not part of the library; "
                    "without it the words mean nothing."
                )
            elif word == "DEFAULT":
                yield "DEFAULT is understood only at the very start of the string; here it is skipped."
            elif suite is not None and _iana_too_early(resolution, word, suite):
                name = next((c.name for c in resolution.build.ciphers if c.code == suite.code), None)
                here = f"here it is called {name}" if name else "this build does not have that suite"
                yield f"{word} is an IANA name, which cipher strings know from OpenSSL 3.2 on; {here}."
            else:
                close = _nearest(word, resolution.build.name)
                meant = f" Did you mean {close}?" if close else ""
                yield f"{step.element!r} means nothing to this build and is skipped without a word.{meant}"
            break
        else:
            yield f"{step.element!r} selects nothing: its parts exclude each other."


def _iana_too_early(resolution: Resolution, word: str, suite: registry.Suite) -> bool:
    return word.upper() == suite.iana and _generation(resolution) < SINCE_32


def _anonymous(resolution: Resolution, steps: Sequence[CipherStep]) -> Iterator[str]:
    left = [c for c in resolution.ciphers if c.suite is not None and "ANON" in c.suite.flags]
    left = [c for c in left if "NULL" not in c.name]
    if not left:
        return
    words = {step.element for step in steps}
    if words & {"!ADH", "-ADH"}:
        yield (
            f"!ADH takes out anonymous DH alone; {_some(left)} still do not authenticate the server. Write !aNULL instead."
        )
    elif any(step.element == "HIGH" for step in steps):
        yield f"HIGH holds anonymous suites, anybody can be in the middle: {_some(left)}. Add !aNULL."
    else:
        yield f"Anonymous suites are in the list, anybody can be in the middle: {_some(left)}. Add !aNULL."


def _plain(resolution: Resolution, _steps: Sequence[CipherStep]) -> Iterator[str]:
    plain = [c for c in resolution.ciphers if c.strength_bits == 0]
    if plain:
        yield f"Suites that do not encrypt at all are in the list: {_some(plain)}. Add !eNULL."
    for cipher in resolution.tls13:
        if cipher.name in _WITHOUT_ENCRYPTION:
            yield f"{cipher.name} does not encrypt: it only authenticates (RFC 9150)."


def _sslv2(resolution: Resolution, _steps: Sequence[CipherStep]) -> Iterator[str]:
    old = [c for c in resolution.ciphers if c.sslv2]
    if old:
        yield f"SSL 2.0 ciphers are in the list: {_some(old)}. Add !SSLv2 and switch the protocol off."


def _deleted_and_added(_resolution: Resolution, steps: Sequence[CipherStep]) -> Iterator[str]:
    for at, step in enumerate(steps):
        if step.action != "delete" or not step.changed:
            continue
        gone = set(step.changed)
        for later in steps[at + 1 :]:
            again = [c for c in later.changed if c in gone] if later.action == "add" else []
            if again:
                element = step.element
                yield (
                    f"{element} takes out, but not for good: {later.element!r} brings {_some(again)} back. "
                    f"!{element[1:]} removes for good."
                )
                break


def _killed_before(_resolution: Resolution, steps: Sequence[CipherStep]) -> Iterator[str]:
    killed: dict[Cipher, str] = {}
    for step in steps:
        if step.action == "kill":
            killed.update(dict.fromkeys(step.selected, step.element))
        elif step.action == "add" and step.selected and not step.changed:
            by = {killed[c] for c in step.selected if c in killed}
            if by and all(c in killed for c in step.selected):
                yield f"{step.element!r} adds nothing: {', '.join(sorted(by))} before it removed that for good."


def _moves(resolution: Resolution, steps: Sequence[CipherStep]) -> Iterator[str]:
    for step in steps:
        if step.action == "move" and step.selected and not step.changed:
            yield (
                f"{step.element!r} does nothing here: + moves what is already listed to the end, it never adds."
            )
        elif step.action == "add" and not step.selected:
            yield f"{step.element!r} selects nothing in {resolution.build.name}."


def _late_default(_resolution: Resolution, steps: Sequence[CipherStep]) -> Iterator[str]:
    if any(step.element == "DEFAULT" for step in steps[1:]):
        yield "DEFAULT is understood only at the very start of the string; here it is skipped."


def _policy(resolution: Resolution, _steps: Sequence[CipherStep]) -> Iterator[str]:
    if resolution.build.system_policy is not None and resolution.string.startswith(PROFILE):
        yield (
            f"{PROFILE} is whatever the host's crypto policy says; taken here for Red Hat's policy DEFAULT. "
            "`update-crypto-policies --show` names the one in force."
        )


def _level(resolution: Resolution, _steps: Sequence[CipherStep]) -> Iterator[str]:
    if not resolution.security_level:
        return
    lost = [c for c in resolution.ciphers if not usable(c, c.version, resolution.security_level)]
    if lost:
        yield (
            f"Security level {resolution.security_level} stops {len(lost)} of the listed suites: {_some(lost)}."
        )


def _alone(resolution: Resolution, steps: Sequence[CipherStep]) -> Iterator[str]:
    if _generation(resolution) >= SINCE_102:
        return
    kills = [
        step for step in steps if step.action in {"kill", "delete"} and step.selected and not step.changed
    ]
    if len(resolution.ciphers) == 1 and any(resolution.ciphers[0] in step.selected for step in kills):
        yield (
            f"OpenSSL before 1.0.2 cannot remove the last cipher it knows: {resolution.ciphers[0].name} stays."
        )


TRAPS: tuple[Callable[[Resolution, Sequence[CipherStep]], Iterator[str]], ...] = (
    _refused,
    _plain,
    _anonymous,
    _sslv2,
    _unknown,
    _late_default,
    _deleted_and_added,
    _killed_before,
    _policy,
    _alone,
    _moves,
    _level,
)
