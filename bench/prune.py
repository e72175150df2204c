"""List the rows of `bundle/data/credentials` without which no example changes.

python bench/prune.py

Examples are the planted sets, the lines of `tests/data/bundle/credentials/classes.txt` and the examples of each family. Each row
that catches something in them is left out once, and the texts it catches in are examined again. A row is listed if the findings
stay the same each time. Exit code 1: there is such a row. `make prune` runs it; it takes half a minute. Forms of tokens are left
out: `tests/unit/bundle/detect/credentials/test_tokens.py` makes a token of each.
"""

from __future__ import annotations

import random
import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from bundle.detect.credentials import Credentials, catching
from bundle.detect.credentials.nets import by_net
from bundle.detect.credentials.rules.catch import Catch
from bundle.detect.credentials.rules.families import Net, shipped
from bundle.detect.credentials.texts.textview import View
from bundle.walk.member import Member
from tests.support.bundle.detect.credentials.plant import corpus, whole
from tests.support.bundle.detect.credentials.plant.kinds import places
from tests.support.bundle.detect.credentials.plant.members import member
from tests.unit.bundle.detect.credentials.test_classes import GROUPS, text
from tests.unit.bundle.detect.credentials.test_families import filled

WHOLE_FILES = "third fourth fifth sixth seventh eighth".split()
ROUNDS = 4
"""Fillings of each planted text: a row may be for some values only."""


def examples() -> Iterator[Member]:
    """Yield every text that proves a row."""
    for family in shipped():
        yield from (filled(one) for one in family.examples)
    for files in GROUPS.values():
        yield from (member(path, text(body)) for path, body in files)
    pick = random.Random("prune")
    for _ in range(ROUNDS):
        for wording in WHOLE_FILES:
            yield from (member(place.path, whole.written(place, pick)[0]) for place in places(wording))
        for wording in ("first", "second", "decoys"):
            yield from (member(place.path, corpus.fill(place, pick).text) for place in places(wording))


class Watch:
    """Stands between the detector and its rows: notes which catch something, and leaves one out."""

    def __init__(self) -> None:
        """Leave none out."""
        self.left_out = ""
        self.caught: set[str] = set()

    def __call__(self, view: View, net: Net, ends: Sequence[int], path: str = "") -> Iterator[Catch]:
        """Yield what a row catches, as `by_net`."""
        for one in () if net.id == self.left_out else by_net(view, net, ends, path):
            self.caught.add(net.id)
            yield one


def unproved() -> list[str]:
    """Return the ids of the rows without which no example changes."""
    detector, watch, texts = Credentials(), Watch(), list(examples())
    detector.prepare()
    catching.by_net = watch  # type: ignore[assignment]  # the same arguments, by a class
    before, met = [], defaultdict(list)
    for number, one in enumerate(texts):
        watch.caught = set()
        before.append(findings(detector, one))
        for row in watch.caught:
            met[row].append(number)
    found = []
    families = [one for one in shipped() if one.rule.id != "credential/service-token"]
    for row in (net.id for family in families for net in family.nets):
        watch.left_out = row
        if all(findings(detector, texts[number]) == before[number] for number in met[row]):
            found.append(row)
    return found


def findings(detector: Credentials, one: Member) -> list[str]:
    """Return what a row may change of a text's findings."""
    return [
        f"{f.rule.id} {f.location} {f.level} {f.confidence} {f.fix}" for f in detector.check(one, "b.zip")
    ]


def main() -> int:
    """Print each row that nothing proves."""
    found = unproved()
    print("\n".join(found) if found else "every row is proved")
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())
