"""The chain of ciphers that OpenSSL moves about while it reads a cipher string.

Every cipher is one bit, by its place in the build's table. The chain holds all of them, active or
not; the order of the inactive ones counts, for it is the order in which a later element adds them.
Source: ssl/ssl_ciph.c of each generation, and the real libraries, which agree string for string.
"""

from __future__ import annotations

from collections.abc import Iterable

from hardening.tls.libraries.library import GENERATIONS, Build, Cipher

SINCE_101, SINCE_102, SINCE_110, SINCE_32 = (GENERATIONS.index(g) for g in ("1.0.1", "1.0.2", "1.1.0", "3.2"))
KX, AUTH, ENC, MAC, VERSION, STRENGTH = range(6)
"""Places in `Cipher.masks`."""

# The library's numbers: the first row is the same from 1.0.0 on, the others as named.
A_NULL, MD5, SHA1, AEAD, RC4 = 4, 1, 2, 64, 4
K_DHE, K_ECDHE, A_ECDSA = 2, 4, 8  # from 1.1.0 on, like these two rows
AES_GCM, CHACHA20, AES_REST = 0x3000, 0x80000, 0x3C0C0
K_RSA, K_PSK = 1, 8
OLD_K_ECDHE, OLD_K_RSA, OLD_K_PSK, OLD_K_KRB5 = 0x80, 1, 0x100, 0x10  # 1.0.x, like this row
OLD_AES, OLD_A_ECDH = 0x30C0, 0x10


class Chain:
    """Ciphers in order, as bits, and which of them are active."""

    __slots__ = ("active", "gone", "order")

    def __init__(self, order: Iterable[int]) -> None:
        self.order = list(order)
        self.active = 0
        self.gone = 0

    def add(self, chosen: int) -> int:
        """Activate what is not active, at the end. Each verb returns the bits it changed."""
        chosen &= ~(self.active | self.gone)
        if chosen:
            self._to_end(chosen)
            self.active |= chosen
        return chosen

    def move(self, chosen: int) -> int:
        """Move active ciphers to the end."""
        chosen &= self.active
        if chosen:
            self._to_end(chosen)
        return chosen

    def delete(self, chosen: int, *, keep_place: bool = False) -> int:
        """Deactivate; from 1.0.0 on what is deleted goes to the front, to come first if added again."""
        chosen &= self.active
        if chosen:
            if not keep_place:
                self._to_front(chosen)
            self.active &= ~chosen
        return chosen

    def kill(self, chosen: int) -> int:
        """Take out for good, active or not."""
        changed = chosen & self.active
        self.order = [bit for bit in self.order if not bit & chosen]
        self.active &= ~chosen
        self.gone |= chosen
        return changed

    def bump(self, chosen: int) -> None:
        """Move active ciphers to the front."""
        self._to_front(chosen & self.active)

    def sort(self, strength: dict[int, int]) -> None:
        """Sort the active ciphers by strength, strongest first, else as they were."""
        active = self.active
        on = sorted(self.listed(), key=strength.__getitem__, reverse=True)
        self.order = [bit for bit in self.order if not bit & active] + on

    def listed(self) -> list[int]:
        """Return the active ciphers in order."""
        active = self.active
        return [bit for bit in self.order if bit & active]

    def _to_end(self, chosen: int) -> None:
        order = self.order
        if not chosen & (chosen - 1):
            order.remove(chosen)
            order.append(chosen)
        else:
            moved = [bit for bit in order if bit & chosen]
            self.order = [bit for bit in order if not bit & chosen] + moved

    def _to_front(self, chosen: int) -> None:
        order = self.order
        self.order = [bit for bit in order if bit & chosen] + [bit for bit in order if not bit & chosen]


class CipherTable:
    """One build's ciphers as bits: which of them carry a mask, and the order the library starts from."""

    def __init__(self, build: Build) -> None:
        self.build = build
        self.generation = GENERATIONS.index(build.generation)
        self.ciphers = {1 << place: cipher for place, cipher in enumerate(build.ciphers)}
        self.strength = {bit: cipher.strength_bits for bit, cipher in self.ciphers.items()}
        self.everything = (1 << len(build.ciphers)) - 1
        self._carrying: dict[tuple[int, int], int] = {}
        self.start = tuple(self._arranged().order)

    def carrying(self, place: int, mask: int) -> int:
        """Return the ciphers that share a bit with a mask; from 1.1.0 a version has to be equal."""
        key = (place, mask)
        found = self._carrying.get(key)
        if found is None:
            equal = place == VERSION and self.generation >= SINCE_110
            found = sum(
                bit
                for bit, cipher in self.ciphers.items()
                if (cipher.masks[place] == mask if equal else cipher.masks[place] & mask)
            )
            self._carrying[key] = found
        return found

    def named(self, bits: Iterable[int]) -> tuple[Cipher, ...]:
        """Return the ciphers of some bits, in that order."""
        return tuple(map(self.ciphers.__getitem__, bits))

    def spread(self, chosen: int) -> tuple[Cipher, ...]:
        """Return the ciphers of a set of bits, in the table's order."""
        return tuple(cipher for bit, cipher in self.ciphers.items() if bit & chosen)

    def _arranged(self) -> Chain:
        """Return the chain as the library arranges it before it reads the string."""
        chain = Chain(self.ciphers)
        if self.generation >= SINCE_110:
            self._arrange(chain)
        elif self.generation >= SINCE_101:
            self._arrange_old(chain)
        return chain

    def _arrange_old(self, chain: Chain) -> None:
        has = self.carrying
        chain.add(has(KX, OLD_K_ECDHE))
        chain.delete(self.everything)
        chain.add(has(ENC, OLD_AES))
        chain.add(self.everything)
        last = ((MAC, MD5), (AUTH, A_NULL), (AUTH, OLD_A_ECDH), (KX, OLD_K_RSA), (KX, OLD_K_PSK),
                (KX, OLD_K_KRB5), (ENC, RC4))  # fmt: skip
        for place, mask in last:
            chain.move(has(place, mask))
        chain.sort(self.strength)
        chain.delete(self.everything)

    def _arrange(self, chain: Chain) -> None:
        has = self.carrying
        ephemeral, aead = has(KX, K_DHE) | has(KX, K_ECDHE), has(MAC, AEAD)
        chain.add(has(KX, K_ECDHE) & has(AUTH, A_ECDSA))
        chain.add(has(KX, K_ECDHE))
        chain.delete(has(KX, K_ECDHE))
        for mask in (AES_GCM, CHACHA20, AES_REST):
            chain.add(has(ENC, mask))
        chain.add(self.everything)
        for place, mask in ((MAC, MD5), (AUTH, A_NULL), (KX, K_RSA), (KX, K_PSK), (ENC, RC4)):
            chain.move(has(place, mask))
        chain.sort(self.strength)
        for chosen in (has(VERSION, 0x303), aead, ephemeral, ephemeral & aead):
            chain.bump(chosen)
        chain.delete(self.everything)
