"""Planted corpora: recall and precision, exact places, and no secret in any report."""

from __future__ import annotations

from pathlib import Path

from tests.real.bundle.detect.credentials.test_planted import _javac


def test_recall_and_precision_on_more_than_six_hundred(tmp_path: Path) -> None:
    from tests.support.bundle.detect.credentials.plant.corpus import build
    from tests.support.bundle.detect.credentials.plant.grading import grade

    _javac()
    for wording in ("first", "second"):
        root = tmp_path / wording
        result = grade(root, build(root, wording, 11, 8))
        assert result.total["all"] >= 600
        assert result.recall >= 0.96, result.table()
        assert result.precision >= 0.97, result.table()
