"""What the walker itself decides, with containers that are lists: where it stops, what it says then, what it remembers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import chain

import pytest

from bundle.walk import embedded
from bundle.walk import walker as walking
from bundle.walk.digest import Digest
from bundle.walk.formats.raw import Note, Opened, Raw
from bundle.walk.frame import EnterContainer, Event, LeaveContainer
from bundle.walk.limits import WalkLimits
from bundle.walk.member import Member
from bundle.walk.problem import Problem
from bundle.walk.source import Memory, Source
from bundle.walk.walker import Walker

ZIP = b"PK\x05\x06" + bytes(18)
"""What is known for a container; what is in it is what a test says."""


class Bench:
    """Containers of which a test says what is in them, by their content."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.inside: dict[bytes, tuple[Raw | Note, ...]] = {}
        monkeypatch.setattr(walking, "open_container", self._open)
        self._patch = monkeypatch

    def _open(self, source: Source, *_: object) -> Opened:
        return Opened(iter(self.inside.get(source.read(0, 64), ())))

    def holds(self, content: bytes, *raws: Raw | Note) -> None:
        """Say what is in the containers of a content."""
        self.inside[content] = raws

    def embed(self, *raws: Raw) -> None:
        """Say what is in every file that is no container."""
        self._patch.setattr(embedded, "archives", lambda *_: iter(raws))

    def walk(self, walker: Walker, *raws: Raw | Note, size: int = 100, depth: int = 0) -> list[Event]:
        """Return what is said of a container of so many bytes."""
        content = b"top".ljust(size)
        self.holds(content[:64], *raws)
        member = Member(parts=("a.zip",), kind="file", size=size, format="zip", digest=Digest(content))
        return list(walker.descend(Memory(content), member, depth))


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Bench:
    return Bench(monkeypatch)


def _file(name: str, size: int = 1) -> Raw:
    return Raw(name=name, data=b"x" * size)


def _pieces(name: str, *sizes: int) -> Raw:
    return Raw(name=name, size=sum(sizes), data=(b"x" * size for size in sizes))


def _names(events: list[Event]) -> list[str]:
    return [e.parts[-1] for e in events if isinstance(e, Member)]


def _problems(events: list[Event]) -> list[tuple[str, str, int]]:
    return [(e.reason, e.parts[-1], e.not_examined) for e in events if isinstance(e, Problem)]


def _whole(events: list[Event]) -> list[bool]:
    return [e.whole for e in events if isinstance(e, LeaveContainer)]


@pytest.mark.parametrize("first", [_file("1"), Raw(name="1", kind="directory")], ids=["file", "folder"])
def test_as_many_members_as_the_limit_are_said_and_no_more(bench: Bench, first: Raw) -> None:
    events = bench.walk(Walker(WalkLimits(members=2)), first, _file("2"), _file("3", 7), _file("4"))
    assert _names(events) == ["1", "2"]
    assert _problems(events) == [("limit-members", "3", 7)]
    assert _whole(events) == [False]


def test_a_member_is_read_up_to_the_limit_and_the_walk_goes_on_behind_it(bench: Bench) -> None:
    walker = Walker(WalkLimits(member=10))
    events = bench.walk(
        walker,
        _file("full", 10),
        _pieces("pieces", 5, 5),
        _pieces("cut", 6, 6),
        _file("large", 11),
        _file("next"),
    )
    assert _names(events) == ["full", "pieces", "cut", "large", "next"]
    assert _problems(events) == [("limit-member", "cut", 6), ("limit-member", "large", 11)]


def test_a_large_member_stops_nothing_where_another_limit_has_to_be_looked_at(bench: Bench) -> None:
    walker = Walker(WalkLimits(member=10, ratio_from=1, ratio=1000))
    assert _names(bench.walk(walker, _file("large", 11), _file("next"))) == ["large", "next"]


def test_bytes_count_against_the_total_whichever_way_they_come(bench: Bench) -> None:
    for raws in (
        (_pieces("1", 6), _pieces("2", 4)),
        (_file("1", 6), _pieces("2", 4)),
        (_pieces("1", 6), _file("2", 4)),
    ):
        events = bench.walk(Walker(WalkLimits(total=10)), *raws, _file("3"), _file("4"))
        assert _names(events) == ["1", "2"]
        assert _problems(events) == [("limit-total", "3", 1)]
    events = bench.walk(Walker(WalkLimits(total=10)), _pieces("1", 8, 3), _file("2"))
    assert (_names(events), _problems(events)) == (["1"], [("limit-total", "1", 3)])


@pytest.mark.parametrize("then", [_file, _pieces], ids=["whole", "pieces"])
@pytest.mark.parametrize("first", [_file, _pieces], ids=["whole", "pieces"])
def test_what_unpacks_to_more_than_so_many_times_its_size_is_not_unpacked_on(
    bench: Bench, first: Callable[[str, int], Raw], then: Callable[[str, int], Raw]
) -> None:
    limits = WalkLimits(ratio=2, ratio_from=5)
    fits = bench.walk(Walker(limits), first("1", 14), then("2", 6), size=10)
    assert (_names(fits), _problems(fits)) == (["1", "2"], [])
    events = bench.walk(Walker(limits), first("1", 15), then("2", 6), _file("3"), size=10)
    assert "3" not in _names(events)
    assert {reason for reason, _, _ in _problems(events)} == {"bomb"}
    assert _whole(events) == [False]


def test_a_ratio_counts_once_more_than_so_many_bytes_are_unpacked(bench: Bench) -> None:
    walker = Walker(WalkLimits(ratio=2, ratio_from=20))
    assert _problems(bench.walk(walker, _pieces("1", 20), size=1)) == []
    assert [reason for reason, *_ in _problems(bench.walk(walker, _pieces("1", 20, 1), size=1))][:1] == [
        "bomb"
    ]


def test_time_ends_a_walk(bench: Bench) -> None:
    events = bench.walk(Walker(WalkLimits(seconds=-1)), _file("1", 3))
    assert (_names(events), _problems(events)) == ([], [("limit-time", "1", 3)])


def test_containers_are_opened_down_to_the_depth(bench: Bench) -> None:
    bench.holds(ZIP, _file("inner"))
    for depth, names, problems in (
        (2, ["b.zip", "inner"], []),
        (3, ["b.zip"], [("limit-depth", "b.zip", 0)]),
    ):
        events = bench.walk(Walker(WalkLimits(depth=3)), Raw(name="b.zip", data=ZIP), depth=depth)
        assert (_names(events), _problems(events)) == (names, problems)


def test_archives_inside_of_files_are_opened_down_to_the_depth(bench: Bench) -> None:
    bench.embed(_file("hidden"))
    for depth, said in ((2, True), (3, False)):
        walker = Walker(WalkLimits(depth=3))
        program = Raw(name="program", data=b"\x7fELF" + bytes(60))
        events = bench.walk(walker, program, depth=depth)
        assert ("hidden" in _names(events)) is said
        assert (("limit-depth", "program", 0) in _problems(events)) is not said


def test_what_holds_itself_is_said_and_not_opened(bench: Bench) -> None:
    bench.holds(ZIP, Raw(name="again.zip", data=ZIP))
    events = bench.walk(Walker(), Raw(name="b.zip", data=ZIP))
    assert _problems(events) == [("quine", "again.zip", 0)]
    assert _whole(events) == [False, False]


def test_a_container_is_remembered_only_where_all_of_it_was_seen(bench: Bench) -> None:
    walker = Walker(remember=True)
    bench.holds(ZIP, Note("encrypted", "is encrypted", "secret"))
    events = bench.walk(walker, Raw(name="b.zip", data=ZIP))
    assert _whole(events) == [False, False]
    assert walker.known == set()
    bench.holds(ZIP, Note("checksum", "does not match", "x"), _file("inner"))
    twice = (Raw(name="b.zip", data=ZIP), Raw(name="c.zip", data=ZIP))
    events = bench.walk(walker, *twice)
    assert len(walker.known) == 2
    assert [(e.parts[-1], e.repeat) for e in events if isinstance(e, Member) and e.container] == [
        ("b.zip", False), ("c.zip", True),
    ]  # fmt: skip
    assert [e.member.parts[-1] for e in events if isinstance(e, EnterContainer)] == ["a.zip", "b.zip"]


def test_what_another_process_takes_over_is_said_and_not_opened_here(bench: Bench) -> None:
    asked: list[tuple[str, int]] = []

    def delegate(_source: Source, member: Member, depth: int) -> bool:
        asked.append((member.parts[-1], depth))
        return True

    bench.holds(ZIP, _file("inner"))
    assert _names(bench.walk(Walker(delegate=delegate), Raw(name="b.zip", data=ZIP))) == ["b.zip"]
    assert asked == [("b.zip", 1)]


def test_a_member_too_large_for_memory_is_whole_and_its_room_is_given_back(bench: Bench) -> None:
    walker = Walker(WalkLimits(memory=4))
    blocks = (b"abc", b"def", b"ghi")
    bench.holds(b"top".ljust(64), Raw(name="1", data=iter(blocks)), Raw(name="2", data=iter(blocks)))
    member = Member(parts=("a.zip",), kind="file", size=100, format="zip", digest=Digest(b"top"))
    seen = [
        bytes(e.content)
        for e in walker.descend(Memory(b"top".ljust(100)), member, 0)
        if isinstance(e, Member)
    ]
    assert seen == [b"abcdefghi"] * 2
    assert walker.spill.peak == 9  # the second lay where the first had been
    walker.close()


def test_an_end_in_the_middle_is_said_with_what_is_missing(bench: Bench) -> None:
    def cut() -> Iterator[bytes]:
        yield b"abc"
        raise EOFError

    events = bench.walk(Walker(), Raw(name="1", size=10, data=cut()), _file("2"))
    assert (_names(events), _problems(events)) == (["1", "2"], [("corrupt", "1", 7)])


def test_how_far_the_file_is_read_never_goes_back() -> None:
    walker = Walker()
    walker.behind = 100
    for offset, position in ((5, 105), (3, 105), (6, 106)):
        walker.reached(offset)
        assert walker.position == position


def test_equal_names_are_said_once_their_contents_differ(bench: Bench) -> None:
    events = bench.walk(Walker(), _file("a", 1), _file("./a", 1), _file("a", 2), _pieces("a", 3))
    assert [reason for reason, *_ in _problems(events)] == ["duplicate-name"] * 2
    many = chain.from_iterable((_file("a", n), _file("b", n)) for n in (1, 1))
    assert _problems(bench.walk(Walker(), *many)) == []
