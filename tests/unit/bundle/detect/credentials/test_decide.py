"""The table that alone decides how severe and how sure a credential is."""

from __future__ import annotations

from itertools import chain, combinations, product
from typing import get_args

import pytest

from bundle.detect.credentials import forms
from bundle.detect.credentials.decide import FEATURES, by_hand, decide, reasons, table
from bundle.detect.credentials.rules.evidence import Evidence, rank
from hardening.findings import MOST_SEVERE, Confidence, Role, Severity
from tests.support.bundle.detect.credentials.plant.members import Look

LINE = 'db_user = "feed"\ndb_password = "k7Qz9mW2xVt4"\n'
FEW = [frozenset(one) for one in chain(combinations(sorted(FEATURES), 1), combinations(sorted(FEATURES), 2))]

EACH: tuple[Evidence, ...] = ("place", "word", "label")
"""One evidence of each rank."""


def test_every_row_has_a_name_and_a_reason() -> None:
    rows = list(reasons())
    assert len({row.id for row in rows}) == len(rows)
    assert [row.id for row in rows if not row.why] == []


def test_every_feature_of_the_list_is_asked_for() -> None:
    rows = (*reasons(), *forms.rows())
    assert frozenset(chain.from_iterable(row.when | row.unless for row in rows)) >= FEATURES


@pytest.mark.parametrize("severity", Severity)
def test_nothing_is_graver_than_it_is_sure(severity: Severity) -> None:
    for features, evidence in product(FEW, EACH):
        made = decide(features, severity, evidence)
        assert made.severity <= MOST_SEVERE[made.confidence], (features, made)
        assert made.confidence <= rank(evidence)
        assert made.severity <= severity


def test_no_row_is_idle() -> None:
    """Each row changes something that no other row does, or says why."""
    for row in table()[0]:
        features = frozenset(one for one in row.when if not one.startswith(("confidence:", "evidence:")))
        features |= {"proved"} if "proved" not in row.unless else frozenset()
        begun = [decide(features, Severity.MEDIUM, evidence) for evidence in get_args(Evidence)]
        assert any(row.id in made.because for made in begun), row.id


def test_a_safe_fix_needs_a_sure_find_at_a_known_place() -> None:
    known = frozenset({"place-known", "value-proved", "family:assignment"})
    assert by_hand(known, Confidence.HIGH) == ("", "")
    assert by_hand(known, Confidence.MEDIUM)[1] == "by-hand/not-sure"
    assert by_hand(known - {"place-known"}, Confidence.HIGH)[1] == "by-hand/place"
    assert by_hand(known - {"value-proved"}, Confidence.HIGH)[1] == "by-hand/not-proved"
    assert by_hand(known | {"coded"}, Confidence.HIGH)[1] == "by-hand/coded"


def test_a_hash_in_the_place_of_a_password_is_left_to_a_person(look: Look) -> None:
    made = "$6$Zk3Qm8VxT1pq$wZYyh9yRb9KoBNxEx8bX/tkWimVjO93.uofa7/b6wFkwZtUZ9/CipQX8.q7aCgyEMbxRcWBjSaUsIPHELEMLy."
    found = look("install.sh", f"#!/bin/sh\nuseradd -m -p '{made}' operator\n")
    assert found
    assert [one for one in found if one.fix is not None and one.fix.safe] == []
    (plain,) = look("install.sh", "#!/bin/sh\nmysql -u operator -pZk3Qm8VxT1pq aam\n")
    assert plain.fix is not None
    assert plain.fix.safe


@pytest.mark.parametrize(
    ("path", "role", "most"),
    [
        ("etc/gate.ini", Role.PRODUCT, Severity.HIGH),
        ("tests/gate.ini", Role.TEST, Severity.LOW),
        ("examples/gate.ini", Role.EXAMPLE, Severity.LOW),
        ("samples/gate.ini", Role.SAMPLE, Severity.LOW),
        ("docs/gate.ini", Role.DOCUMENTATION, Severity.INFO),
        (".devcontainer/gate.ini", Role.DEV_CONTAINER, Severity.MEDIUM),
        ("vendor/gate.ini", Role.VENDORED, Severity.MEDIUM),
    ],
)
def test_the_role_of_a_place_caps_the_severity(look: Look, path: str, role: Role, most: Severity) -> None:
    (found,) = look(path, LINE)
    assert (found.role, found.level) == (role, most)
    assert found.matched
    assert any(row.startswith("decide/") for row in found.because) == (most is not Severity.HIGH)
