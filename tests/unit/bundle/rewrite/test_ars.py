"""An ar archive, byte for byte: names of both kinds, odd sizes, and ends that come too early."""

from __future__ import annotations

import io

import pytest

from bundle.rewrite import ars
from bundle.rewrite.edit import KEEP, Keep, Remove, Replace
from hardening.errors import ArchiveError


def a_member(name: bytes, data: bytes, *, size: bytes | None = None) -> bytes:
    said = str(len(data)).encode() if size is None else size
    header = (
        name.ljust(16) + b"1700000000".ljust(12) + b"0".ljust(6) * 2 + b"100644".ljust(8) + said.ljust(10)
    )
    return header + b"`\n" + data + b"\n" * (len(data) % 2)


ODD, EVEN = a_member(b"control/", b"12345"), a_member(b"data.tar  ", b"123456")
WHOLE = b"!<arch>\n" + ODD + EVEN


def rewritten(
    data: bytes, name: str = "", decision: Keep | Remove | Replace = KEEP
) -> tuple[bytes, dict[str, bytes]]:
    """Return the result, and what each member held when it was asked about."""
    target, seen = io.BytesIO(), {}

    def change(one: str, content: object) -> Keep | Remove | Replace:
        seen[one] = content().read()  # type: ignore[operator]  # it opens the content
        return decision if one == name else KEEP

    ars.rewrite(io.BytesIO(data), target, change)
    return target.getvalue(), seen


def test_members_are_asked_about_by_their_names_and_without_padding() -> None:
    assert rewritten(WHOLE) == (WHOLE, {"control": b"12345", "data.tar": b"123456"})
    assert list(ars.members(io.BytesIO(WHOLE))) == [("control", b"12345"), ("data.tar", b"123456")]


@pytest.mark.parametrize(("name", "left"), [("control", EVEN), ("data.tar", ODD)])
def test_a_removed_member_goes_with_its_padding(name: str, left: bytes) -> None:
    assert rewritten(WHOLE, name, Remove())[0] == b"!<arch>\n" + left


@pytest.mark.parametrize("data", [b"", b"1", b"12", b"123" * 1000])
def test_a_replaced_member_keeps_its_header_but_for_its_size(data: bytes) -> None:
    made, _ = rewritten(WHOLE, "control", Replace.of(data))
    assert made == b"!<arch>\n" + a_member(b"control/", data) + EVEN


@pytest.mark.parametrize("cut", [1, 2, 5, 30, 66])
def test_an_end_within_a_member_is_never_written_as_if_it_were_whole(cut: int) -> None:
    with pytest.raises(ArchiveError):
        rewritten(WHOLE[:-cut] if cut != 66 else WHOLE[: 8 + len(ODD) + 30])
    assert rewritten(WHOLE + ODD[:-1])[1]["control"] == b"12345"  # the last padding may lack


@pytest.mark.parametrize("size", [b"", b"x", b"-1", b"1.5"])
def test_a_damaged_header_is_one_clear_error(size: bytes) -> None:
    with pytest.raises(ArchiveError, match="a member header is damaged"):
        rewritten(b"!<arch>\n" + a_member(b"a", b"12", size=size))
    with pytest.raises(ArchiveError, match="a member header is damaged"):
        rewritten(WHOLE.replace(b"`\n", b"`x", 1))


def test_another_archive_is_none() -> None:
    assert ars.matches(WHOLE)
    assert not ars.matches(b"!<arch>" + ODD)
