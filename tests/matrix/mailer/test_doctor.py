"""The doctor names what is wrong: a table of misconfigurations of settings, tenant, mailbox and network."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

from tests.real.mailer.test_doctor import CASES, SENDING, _staged, examine, fault, said
from tests.support.mailer.fake_m365 import Fake
from tests.support.mailer.fixtures import Site


def _both_silent(site: Site) -> None:
    _staged(site)
    for place in ("smtp.banner", "graph"):
        site.fake.fault(place, "hang", 0)


SILENT: tuple[tuple[str, Callable[[Site], None], str], ...] = (
    ("the token service is silent", fault("token", "hang"), "token: timeout"),
    ("the tenant's document does not come", fault("discovery", "hang"), "discovery: timeout"),
    ("Graph is silent", fault("graph", "hang"), "graph: timeout"),
    ("SMTP is silent", fault("smtp.banner", "hang"), "smtp: timeout"),
    ("SMTP is silent after the sender", fault("smtp.mail", "hang"), "envelope: timeout"),
    ("both are silent", _both_silent, "smtp: timeout"),
)  # fmt: skip
"""Each costs a time-out or two: for the long table."""


def test_how_many_are_named_and_how_fast(tmp_path: Path) -> None:
    """The whole table in both wordings, each alone, with the clock beside it."""
    right, wrong, slowest = 0, [], 0.0
    for reworded in (False, True):
        for number, (name, change, wanted) in enumerate((*CASES, *SILENT, *SENDING)):
            folder = tmp_path / f"{reworded}{number}"
            folder.mkdir()
            with Fake(folder).running() as fake:
                site = Site(fake, folder / "site")
                change(site)
                fake.reworded = reworded
                _, report, seconds = examine(
                    site, *(["--send"] if number >= len(CASES) + len(SILENT) else [])
                )
            slowest = max(slowest, seconds)
            if wanted in said(report) and seconds < 10:
                right += 1
            else:
                wrong.append(f"{name}: {seconds:.1f} s, {said(report)}")
    total = 2 * (len(CASES) + len(SILENT) + len(SENDING))
    sys.stderr.write(
        f"\n{right} of {total} named rightly, the slowest in {slowest:.1f} s\n" + "\n".join(wrong)
    )
    assert right >= 0.95 * total
