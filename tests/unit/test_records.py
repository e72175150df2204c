"""The data classes that write their methods late behave as the standard library's do."""

from __future__ import annotations

import copy
import dataclasses
import pickle
import threading
from collections.abc import Callable
from typing import Any

import pytest

from hardening import records

OPTIONS: tuple[dict[str, bool], ...] = (
    {},
    {"frozen": True},
    {"frozen": True, "slots": True},
    {"frozen": True, "slots": True, "kw_only": True},
    {"slots": True, "eq": False},
    {"kw_only": True},
)


def made(decorator: Callable[..., Any], options: dict[str, bool]) -> Any:
    """Decorate one and the same class."""

    @decorator(**options)
    class Row:
        name: str
        count: int = 1
        seen: list[str] = dataclasses.field(default_factory=list)
        hidden: bytes = dataclasses.field(default=b"", repr=False, compare=False)

    return Row


@pytest.fixture(params=OPTIONS, ids=lambda options: "+".join(options) or "plain")
def pair(request: pytest.FixtureRequest) -> tuple[Any, Any]:
    return made(dataclasses.dataclass, request.param), made(records.dataclass, request.param)


def asked(action: Callable[[], Any]) -> Any:
    """Return what comes of it: a value, or the kind of error."""
    try:
        return action()
    except Exception as problem:  # noqa: BLE001 - the kinds of errors are compared
        return type(problem)


def told(kind: Any) -> list[Any]:
    """Return what a class and what is made of it answer."""
    one, same, other = kind(name="a"), kind(name="a", hidden=b"x"), kind(name="b", count=2, seen=["x"])
    return [
        repr(one),
        one == same,
        one == other,
        one == "a",
        asked(lambda: kind("a").name),
        asked(lambda: kind("a", 2, ["y"], b"z").seen),
        asked(kind),
        asked(lambda: kind(name="a", wrong=1)),
        asked(lambda: setattr(kind(name="a"), "name", "c")),
        asked(lambda: delattr(kind(name="a"), "name")),
        asked(lambda: setattr(one, "unknown", "c")) is None,
        kind.__hash__ is None,
        asked(lambda: isinstance(hash(kind(name="a", seen=())), int)),
        repr(copy.copy(one)),
        repr(copy.deepcopy(one)),
        repr(dataclasses.replace(same, name="z")),
        dataclasses.asdict(other),
        [f.name for f in dataclasses.fields(kind)],
        kind.__match_args__,
    ]


def test_both_say_the_same(pair: tuple[Any, Any]) -> None:
    theirs, ours = pair
    assert told(ours) == told(theirs)


def test_defaults_that_are_made_are_not_shared(pair: tuple[Any, Any]) -> None:
    first, second = pair[1](name="a"), pair[1](name="b")
    first.seen.append("x")
    assert second.seen == []


@records.dataclass(frozen=True, slots=True)
class Kept:
    """At the module's level, where pickle finds it."""

    name: str
    parts: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if not self.name:
            raise ValueError(self.name)


def test_it_travels_between_processes_and_runs_its_check() -> None:
    assert pickle.loads(pickle.dumps(Kept("a", (1, 2)))) == Kept("a", (1, 2))
    assert len({Kept("a"), Kept("a"), Kept("b")}) == 2
    with pytest.raises(ValueError, match=r"^$"):
        Kept("")


def test_a_method_of_the_class_itself_stays() -> None:
    @records.dataclass
    class Named:
        name: str

        def __repr__(self) -> str:
            return self.name

        def __eq__(self, other: object) -> bool:
            return isinstance(other, Named)

        def __hash__(self) -> int:
            return 7

    assert (repr(Named("x")), Named("x") == Named("y"), hash(Named("x"))) == ("x", True, 7)


def test_threads_may_make_the_first_at_once() -> None:
    for _ in range(50):
        kind = made(records.dataclass, {"frozen": True, "slots": True})
        gate = threading.Barrier(4)
        got: list[Any] = []

        def work(kind: Any = kind, gate: threading.Barrier = gate, got: list[Any] = got) -> None:
            gate.wait()
            got.append(kind("a"))

        workers = [threading.Thread(target=work) for _ in range(4)]
        for one in workers:
            one.start()
        for one in workers:
            one.join()
        assert [one == kind("a") for one in got] == [True] * 4
