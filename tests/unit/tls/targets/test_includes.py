"""Which files an include means, and where following ends."""

from __future__ import annotations

from pathlib import Path

import pytest

from hardening.tls.targets.reading.includes import Includes, Manner
from hardening.tls.targets.reading.tree import Tree


class Reading:
    """Files whose every line names another one to include."""

    def __init__(self, files: dict[str, str], manner: Manner, directive: str = "") -> None:
        self.tree = Tree(files)
        self.includes = Includes(self.tree, manner)
        self.directive = directive
        self.seen: list[str] = []

    def take(self, text: str, path: str) -> None:
        """Read one file."""
        assert self.includes.now == path
        self.seen.append(path)
        for number, line in enumerate(text.splitlines(), start=1):
            self.includes.follow(line, "/etc/x", self.take, (path, number), self.directive)
        assert self.includes.now == path

    def of(self, path: str) -> list[str]:
        """Return the files that are read, in order."""
        self.includes.read(path, self.take)
        return self.seen


def _said(reading: Reading) -> list[tuple[str, str, int | None]]:
    return [(p.kind, p.path, p.line) for p in reading.tree.problems]


def test_a_file_is_read_as_often_as_it_is_asked_for_but_not_inside_of_itself() -> None:
    reading = Reading({"/etc/x/a": "b\nb\n", "/etc/x/b": "a\n"}, Manner())
    assert reading.of("/etc/x/a") == ["/etc/x/a", "/etc/x/b", "/etc/x/b"]
    assert _said(reading) == [("include-loop", "/etc/x/b", 1)]


@pytest.mark.parametrize("deepest", [1, 2, 5])
def test_so_many_files_within_files_are_read_and_no_more(deepest: int) -> None:
    files = {f"/etc/x/{n}": f"{n + 1}\n" for n in range(9)}
    reading = Reading(files, Manner(deepest=deepest))
    assert reading.of("/etc/x/0") == [f"/etc/x/{n}" for n in range(deepest)]
    assert _said(reading) == [("include-loop", f"/etc/x/{deepest - 1}", 1)]


def test_what_is_not_there_is_said_unless_its_directive_may_name_it() -> None:
    files = {"/etc/x/a": "nothing\n/etc/x/b\n", "/etc/x/b": ""}
    told = Reading(files, Manner(may_be_absent=frozenset({"try"})), "must")
    assert told.of("/etc/x/a") == ["/etc/x/a", "/etc/x/b"]
    assert _said(told) == [("missing-include", "/etc/x/a", 1)]
    tried = Reading(files, Manner(may_be_absent=frozenset({"try"})), "try")
    assert tried.of("/etc/x/a") == ["/etc/x/a", "/etc/x/b"]
    assert _said(tried) == []


def test_the_first_file_that_is_not_there_is_said_of_itself() -> None:
    reading = Reading({}, Manner())
    assert reading.of("/etc/x/a") == []
    assert _said(reading) == [("missing-include", "/etc/x/a", None)]


@pytest.mark.parametrize(
    ("manner", "seen"),
    [
        (Manner(), ["/etc/x/d/1", "/etc/x/d/2"]),
        (Manner(folders=True), ["/etc/x/d/1", "/etc/x/d/2", "/etc/x/e/3", "/etc/x/e/f/4"]),
        (Manner(globs=False), []),
        (Manner(globs=False, folders=True), ["/etc/x/e/3", "/etc/x/e/f/4"]),
    ],
)
def test_a_manner_says_what_a_pattern_and_a_folder_mean(manner: Manner, seen: list[str]) -> None:
    files = {
        "/etc/x/a": "d/*\ne\n",
        **dict.fromkeys(("/etc/x/d/2", "/etc/x/d/1", "/etc/x/e/3", "/etc/x/e/f/4"), ""),
    }
    assert Reading(files, manner).of("/etc/x/a")[1:] == seen


def test_a_dangling_link_in_a_folder_is_passed_over_where_files_may_be_absent(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "gone").symlink_to(tmp_path / "nowhere")
    tree = Tree.on_disk(tmp_path / "a")
    includes = Includes(tree, Manner(folders=True, may_be_absent=frozenset({"try"})))
    for directive, kinds in (("try", []), ("must", ["missing-include"])):
        includes.follow("d", str(tmp_path), lambda _text, _path: None, ("a", 1), directive)
        assert [p.kind for p in tree.problems] == kinds
