"""The live view of an upgrade: one line per host with its stage, fed by a file that the playbook appends to."""

from __future__ import annotations

import json
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

_ROWS = 30
_ENDED = (
    "done",
    "rolled back",
    "BROKEN",
    "current",
    "unfit",
    "older",
    "unfinished",
    "lost",
    "refused",
    "fit",
)


@dataclass
class _Row:
    stage: str = ""
    text: str = ""
    began: float = field(default_factory=time.time)
    ended: float | None = None


class View:
    """Follows the progress file in a thread; a terminal gets a live table, anything else one line per stage."""

    def __init__(self, path: Path, *, live: bool, wanted: bool) -> None:
        self._path, self._wanted = path, wanted
        self._rows: dict[str, _Row] = {}
        self._stop = threading.Event()
        self._console = Console(stderr=True)
        self._live = (
            Live(console=self._console, refresh_per_second=4, transient=True) if live and wanted else None
        )
        self._thread = threading.Thread(target=self._follow, daemon=True)

    def __enter__(self) -> Self:
        if self._wanted:
            if self._live is not None:
                self._live.start()
            self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        if self._wanted:
            self._thread.join(5)
            if self._live is not None:
                self._live.stop()

    def _follow(self) -> None:
        offset, rest = 0, ""
        while True:
            last = self._stop.is_set()
            if self._path.exists():
                with self._path.open(encoding="utf-8") as source:
                    source.seek(offset)
                    text = source.read()
                    offset = source.tell()
                *whole, rest = (rest + text).split("\n")
                for line in whole:
                    self._take(json.loads(line))
            if self._live is not None:
                self._live.update(self._table())
            if last:
                return
            self._stop.wait(0.25)

    def _take(self, event: dict[str, Any]) -> None:
        row = self._rows.setdefault(event["host"], _Row(began=event["time"]))
        new = event["stage"] != row.stage
        row.stage, row.text = event["stage"], event.get("text") or ""
        row.ended = event["time"] if row.stage in _ENDED else None
        if self._live is None and new:
            seconds = event["time"] - row.began
            sys.stderr.write(f"{event['host']:<24} {seconds:6.0f} s  {row.stage}  {row.text}".rstrip() + "\n")
            sys.stderr.flush()

    def _table(self) -> Table:
        """Return the hosts that are under way, and how many are done."""
        table = Table(box=None, pad_edge=False)
        for head in ("host", "seconds", "stage", "last word"):
            table.add_column(head, no_wrap=True)
        active = [(name, row) for name, row in self._rows.items() if row.ended is None]
        done = [(name, row) for name, row in self._rows.items() if row.ended is not None]
        for name, row in [*done[-max(3, _ROWS - len(active)) :], *active][-_ROWS:]:
            seconds = (row.ended or time.time()) - row.began
            words = (name, f"{seconds:.0f}", row.stage, row.text[:80])
            table.add_row(
                *map(Text, words)
            )  # as it is: rich takes `[/etc]` in a plain text for markup of its own
        table.caption = f"{len(done)} of {len(self._rows)} hosts have ended"
        return table
