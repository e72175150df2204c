"""Each tutorial is run as a newcomer would type it; what is printed is what the page shows."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.docs import console

PAGES = sorted((console.ROOT / "docs/tutorials").glob("*.md"))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_prints_what_the_page_shows(page: Path) -> None:
    steps = console.run(page)
    assert len(steps) > 5
    wrong = [step for step in steps if not console.same(step.expected, step.printed)]
    shown = "\n".join(f"$ {step.command}\npage:\n{step.expected}printed:\n{step.printed}" for step in wrong)
    assert not wrong, f"{page.name}: `make tutorials` writes today's output; read the difference\n{shown}"
