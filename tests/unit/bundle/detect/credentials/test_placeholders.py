"""Values that are none: each form is needed for one of its examples, and passwords beside them are left."""

from __future__ import annotations

import re

import pytest

from bundle.detect.credentials.judging.values import Placeholder, is_placeholder, placeholders

FORMS = [re.compile(form, re.IGNORECASE) for row in placeholders() for form in row.forms]


@pytest.mark.parametrize("row", placeholders(), ids=lambda row: row.id)
def test_each_form_has_an_example_for_itself(row: Placeholder) -> None:
    assert row.leaves
    alone = {value: [f.pattern for f in FORMS if f.fullmatch(value)] for value in row.takes}
    assert [form for form in row.forms if [form] not in alone.values()] == []
    assert [value for value in row.takes if not is_placeholder(value)] == []
    assert [value for value in row.leaves if is_placeholder(value)] == []


def test_forms_are_short_enough_to_read() -> None:
    assert [form.pattern for form in FORMS if len(form.pattern) > 200] == []
