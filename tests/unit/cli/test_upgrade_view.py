"""The live view shows what hosts say, whatever it is."""

from __future__ import annotations

import io
import json
from pathlib import Path

from rich.console import Console

from hardening.cli.upgrade_view import View


def test_a_word_in_brackets_is_no_markup(tmp_path: Path) -> None:
    view = View(tmp_path / "progress", live=True, wanted=True)
    for text in ("removing [/etc/httpd]", "[red]done"):
        view._take(json.loads(json.dumps({"host": text, "stage": "install", "text": text, "time": 0})))
    shown = Console(file=io.StringIO(), width=120)
    shown.print(view._table())
    assert isinstance(shown.file, io.StringIO)
    assert shown.file.getvalue().count("removing [/etc/httpd]") == 2
    assert shown.file.getvalue().count("[red]done") == 2
