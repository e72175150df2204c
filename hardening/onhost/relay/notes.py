"""Checks of what the relay has noted of a mail and of a delivery. Disks and people change files."""

import re

from hardening.onhost.relay.compat import TEXT
from hardening.onhost.relay.problems import safe_text

LATEST = 253402300799  # the last second that a calendar has


def unreadable_reason(problem):
    """Return why a file cannot be used, in words that may be shown."""
    return safe_text(problem) if isinstance(problem, (OSError, IOError)) else "damaged"


def is_text_list(value):
    """Return whether a value is a list of texts."""
    return isinstance(value, list) and not [one for one in value if not isinstance(one, TEXT)]


def is_meta(meta):
    """Return whether a value is what the relay notes of a mail."""
    if not isinstance(meta, dict) or not isinstance(meta.get("held", {}), dict):
        return False
    named = isinstance(meta.get("subject"), TEXT) and isinstance(meta.get("alarm"), TEXT)
    timed = isinstance(meta.get("at"), (int, float)) and 0 <= meta["at"] <= LATEST
    if not named or not timed or not is_text_list(meta.get("to")) or not meta["to"]:
        return False
    if [1 for since in meta.get("held", {}).values() if not isinstance(since, (int, float))]:
        return False
    return not [one for one in meta["to"] if re.search(r"[^\x21-\x7e]|[<>]", one)]


def is_record(record, name):
    """Return whether a value is what the relay notes of a delivery."""
    if not isinstance(record, dict) or record.get("id") != name or not is_text_list(record.get("told", [])):
        return False
    both = is_text_list(record.get("members")) and is_text_list(record.get("to")) and bool(record["members"])
    counted = isinstance(record.get("tries"), int) and isinstance(record.get("uncertain"), bool)
    if (
        not both
        or not counted
        or [1 for key in ("dead", "held") if not isinstance(record.get(key, {}), dict)]
    ):
        return False
    given_up, times = record.get("dead", {}).values(), [record.get("over", 0)]
    if [row for row in given_up if not isinstance(row, list) or len(row) != 2]:
        return False
    times += [row[1] for row in given_up]
    return not [one for one in times if not isinstance(one, (int, float))]
