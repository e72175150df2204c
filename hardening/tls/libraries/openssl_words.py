"""What the words of one element, `A+B+C`, select in one build."""

from __future__ import annotations

import string
from typing import NamedTuple

from hardening.tls.libraries.library import Build
from hardening.tls.libraries.openssl_chain import (
    SINCE_32,
    SINCE_101,
    SINCE_110,
    STRENGTH,
    VERSION,
    CipherTable,
)


class Selection(NamedTuple):
    """The ciphers that words select; words the build does not know select nothing and end the element."""

    known: bool
    bits: int


NOTHING = Selection(known=False, bits=0)

# How one mask of strength bits falls apart into kinds that narrow each other.
_EXPORT_KIND, _EXPORT = 0x3, 0x2
_OLD_KINDS = (_EXPORT_KIND, 0x1FC, 0x200)  # export or not, strength, not in DEFAULT
_KINDS = (0x1F, 0x20)  # from 1.1.0 on: strength, not in DEFAULT
_NOT_SSLV2 = 0xFFFFFFFFFFFFFFFE
_NAMED_098 = (0x1CFFFFFF, 0xFF)  # what a cipher's name compares in 0.9.8: all but the protocol and FIPS


class CipherWords:
    """The vocabulary of one build; what has been selected once is remembered."""

    def __init__(self, build: Build) -> None:
        self.table = CipherTable(build)
        self.generation = self.table.generation
        self._keywords = build.keywords
        self._names: dict[str, int] = {}
        self._seen: dict[tuple[str, ...], Selection] = {}
        for bit, cipher in self.table.ciphers.items():
            self._names.setdefault(cipher.name, bit)
            if self.generation >= SINCE_32:
                self._names.setdefault(cipher.iana, bit)
        letters = string.ascii_letters + string.digits + "-"
        letters += "." * (self.generation >= SINCE_101) + "=" * (self.generation >= SINCE_110)
        self.letters = letters + "_" * (self.generation >= SINCE_32)
        """The characters a word is made of; any other one ends it."""

    def select(self, words: tuple[str, ...]) -> Selection:
        """Return what the words select together."""
        found = self._seen.get(words)
        if found is None:
            narrow = self._narrow if self.generation else self._narrow_098
            found = self._seen[words] = narrow(words)
        return found

    def complete(self, words: tuple[str, ...]) -> bool:
        """Return whether the element ends here although a `+` follows.

        It does at words without a meaning, and 0.9.8 takes what follows a cipher's name for an
        element of its own.
        """
        if not self.select(words).known:
            return True
        return not self.generation and words[-1] not in self._keywords

    def _narrow(self, words: tuple[str, ...]) -> Selection:
        """From 1.0.0 on: each kind of mask narrows; words that exclude each other mean nothing."""
        modern = self.generation >= SINCE_110
        kinds = _KINDS if modern else _OLD_KINDS
        masks = [0] * (STRENGTH + len(kinds))
        only = 0
        for word in words:
            keyword = self._keywords.get(word)
            only = 0
            if keyword is None:
                bit = self._names.get(word)
                if bit is None:
                    return NOTHING
                only, keyword = bit, self.table.ciphers[bit].masks
            split = [*keyword[:STRENGTH], *(keyword[STRENGTH] & kind for kind in kinds)]
            if only:
                split[VERSION] = 0  # the protocol of a named cipher is no part of the pattern
            if modern and split[STRENGTH] and not masks[STRENGTH]:
                masks[STRENGTH + 1] = 0  # the first HIGH forgets a COMPLEMENTOFDEFAULT before it
            for place, mask in enumerate(split):
                if mask:
                    old = masks[place]
                    equal = modern and place == VERSION
                    masks[place] = mask if not old or (equal and old == mask) else 0 if equal else old & mask
                    if not masks[place]:
                        return NOTHING
        return Selection(known=True, bits=self._matching(masks, only if modern else 0))

    def _matching(self, masks: list[int], only: int) -> int:
        table = self.table
        bits = only or table.everything
        for place, mask in enumerate(masks):
            if mask:
                bits &= table.carrying(min(place, STRENGTH), mask)
        if self.generation < SINCE_110:  # what COMPLEMENTOFDEFAULT means before 1.0.2g
            if masks[VERSION] == _NOT_SSLV2:
                bits |= table.carrying(VERSION, 1)
            if masks[STRENGTH] == _EXPORT_KIND and not masks[STRENGTH + 1]:
                bits |= table.carrying(STRENGTH, _EXPORT)
        return bits

    def _narrow_098(self, words: tuple[str, ...]) -> Selection:
        """0.9.8: all masks in one number, and a second one that says which of its bits count."""
        algorithms = mask = strength = strength_mask = only = 0
        for word in words:
            keyword = self._keywords.get(word)
            only = 0
            if keyword is None:
                bit = self._names.get(word)
                if bit is None:
                    return NOTHING
                own = self.table.ciphers[bit].masks
                keyword, only = (own[0], _NAMED_098[0], own[1], _NAMED_098[1]), bit
            a, m, s, sm = keyword
            algorithms = (algorithms & ~m) | (a & ~mask) | (algorithms & a)
            mask |= m
            strength = (strength & ~sm) | (s & ~strength_mask) | (strength & s)
            strength_mask |= sm
        bits = only
        for bit, cipher in self.table.ciphers.items():
            if only and cipher.version == self.table.ciphers[only].version:
                continue  # a name fixes the cipher among those of its own protocol
            ma, ms = mask & cipher.masks[0], strength_mask & cipher.masks[1]
            if (ma or ms) and ma & algorithms == ma and ms & strength == ms:
                bits |= bit
        return Selection(known=True, bits=bits)
