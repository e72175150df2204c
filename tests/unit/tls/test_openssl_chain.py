"""How OpenSSL moves ciphers about while it reads a list, on a chain of four."""

from __future__ import annotations

from hardening.tls.libraries.openssl_chain import Chain

A, B, C, D = (1 << place for place in range(4))


def chain(*active: int) -> Chain:
    """Return A B C D, of which some are active, in that order."""
    made = Chain((A, B, C, D))
    for one in active:
        made.active |= one
    return made


def test_what_is_added_stands_behind_what_is_there_in_the_order_it_had() -> None:
    one = chain(C)
    assert one.add(A | B | C) == A | B
    assert one.listed() == [C, A, B]
    assert one.add(A) == 0
    assert one.listed() == [C, A, B]


def test_only_what_is_active_moves_to_the_end_or_to_the_front() -> None:
    one = chain(A, B, C)
    assert one.move(A | D) == A
    assert one.listed() == [B, C, A]
    one.bump(A | D)
    assert (one.listed(), one.order[-1]) == ([A, B, C], D)
    assert one.move(D) == 0


def test_what_is_deleted_comes_first_when_it_is_added_again_unless_it_keeps_its_place() -> None:
    one = chain(A, B, C)
    assert one.delete(C | D) == C
    assert one.listed() == [A, B]
    one.add(C | D)
    assert one.listed() == [A, B, C, D]
    assert one.order.index(C) < one.order.index(D)
    kept = chain(A, B, C)
    kept.delete(B, keep_place=True)
    assert kept.order == [A, B, C, D]
    gone = chain(A, B, C)
    gone.delete(C)
    assert gone.order == [C, A, B, D]


def test_what_is_killed_never_comes_back() -> None:
    one = chain(A, B)
    assert one.kill(B | C) == B  # what was not active changes nothing that is offered
    assert one.add(A | B | C | D) == D
    assert one.listed() == [A, D]


def test_sorting_puts_the_strongest_first_and_keeps_the_order_of_equals() -> None:
    one = chain(A, B, D)
    one.sort({A: 128, B: 256, C: 512, D: 128})
    assert one.listed() == [B, A, D]
    assert one.order == [C, B, A, D]
