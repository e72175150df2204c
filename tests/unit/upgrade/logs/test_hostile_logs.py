"""Logs that are made to be slow, large or only half read: they end, and what was not looked at is said."""

from __future__ import annotations

import bz2
import lzma
import os
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from hardening.errors import ExitCode, InputError
from hardening.findings import Examined
from hardening.upgrade.logs.opened import HELD, opened
from hardening.upgrade.logs.patterns import shipped
from hardening.upgrade.logs.prefilter import Buffer
from hardening.upgrade.logs.triage import Triage


@pytest.mark.parametrize("pack", [bz2, lzma])
@pytest.mark.parametrize(
    ("between", "said", "code"),
    [(b"", "", ExitCode.FINDINGS), (bytes(8), "", ExitCode.FINDINGS), (b"not packed", "damaged", ExitCode.PARTLY_EXAMINED)],
)  # fmt: skip
def test_what_lies_behind_the_end_of_a_packed_log_is_read_or_said(
    tmp_path: Path, pack: Any, between: bytes, said: str, code: ExitCode
) -> None:
    path = tmp_path / "a.log"
    path.write_bytes(
        pack.compress(b"fine\n") + between + pack.compress(b"cp: write: No space left on device\n")
    )
    run = Triage().logs([path])
    assert run.exit_code() is code
    assert said in run.subjects[0].reason


def test_a_log_that_takes_too_long_is_examined_in_part(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.log"
    path.write_text("fine\nerror: one\n")
    monkeypatch.setattr("hardening.upgrade.logs.triage.SECONDS", -1)
    run = Triage().logs([path])
    assert run.subjects[0].examined is Examined.PARTIAL
    assert run.exit_code() is ExitCode.FINDINGS  # a limit that stopped the triage counts as a finding
    (found,) = run.findings
    assert (found.rule.id, found.message) == (
        "walk/limit-time",
        "not examined: more than -1 seconds, at line 2",
    )


def test_a_log_of_a_terabyte_is_examined_to_its_limit(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    path.write_bytes(b"cp: write: No space left on device\n")
    os.truncate(path, 1 << 40)
    with opened(path, most=1 << 20) as (content, problem):
        assert len(content) == 1 << 20
        assert problem == "more than 1048576 bytes"


TEXTS = (
    "q" * 8192,
    "a.b." * 2048,
    "rpmdb: " * 1170,
    "a: " * 2730,
    "[a " * 2730,
    "\t" * 8192,
    "ldapq " * 1365,
)


@pytest.mark.parametrize("text", TEXTS, ids=[text[:4] for text in TEXTS])
def test_no_message_is_kept_busy_by_a_line(text: str) -> None:
    """One that was took a quarter of a second for 8 KB, so a log of 100 MB an hour."""
    for message in shipped():
        begun = time.process_time()
        message.regex.search(text)
        assert time.process_time() - begun < 0.08, message.rule.id


def test_a_log_on_a_disk_that_cannot_be_read_is_an_error_of_the_input() -> None:
    with pytest.raises(InputError, match="Input/output error"), opened(Path("/proc/self/mem")):
        pass


@pytest.mark.parametrize("held", [0, HELD], ids=["large", "small"])
def test_a_log_that_is_cut_while_it_is_read_ends_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, held: int
) -> None:
    """Who reads a map of a log that logrotate cuts is killed (SIGBUS)."""
    path = tmp_path / "x.log"
    path.write_bytes(b"error: cannot\n" * 10_000)
    for module in ("opened", "triage"):
        monkeypatch.setattr(f"hardening.upgrade.logs.{module}.HELD", held)

    def cut(_self: object, content: Buffer, *_: object) -> tuple[int, bool]:
        os.truncate(path, 0)
        return content[:].count(b"\n"), True

    monkeypatch.setattr(Triage, "_read", cut)
    (subject,) = Triage().logs([path]).subjects
    whole = held or threading.active_count() > 1  # a process with threads reads a copy
    assert subject.examined is (Examined.FULL if whole else Examined.NONE)
    assert whole or subject.reason == "it was cut while it was read"


def test_a_log_that_is_cut_where_no_process_can_be_started_ends_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A program with threads is not forked, so the log is read from a copy."""
    path = tmp_path / "x.log"
    path.write_bytes(b"error: cannot\n" * 10_000)
    for module in ("opened", "triage"):
        monkeypatch.setattr(f"hardening.upgrade.logs.{module}.HELD", 0)

    def cut(_self: object, content: Buffer, *_: object) -> tuple[int, bool]:
        os.truncate(path, 0)
        return content[:].count(b"\n"), True

    monkeypatch.setattr(Triage, "_read", cut)
    ended = threading.Event()
    thread = threading.Thread(target=ended.wait)
    thread.start()
    try:
        (subject,) = Triage().logs([path]).subjects
    finally:
        ended.set()
        thread.join()
    assert subject.examined is Examined.FULL
    assert subject.stats["lines"] == 10_000
