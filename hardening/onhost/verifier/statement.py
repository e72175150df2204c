"""The statement in the envelope."""

import calendar
import re
import time

from hardening.onhost.verifier.envelope import _json
from hardening.onhost.verifier.problems import BundleRefused

STATEMENT = "https://in-toto.io/Statement/v1"
PREDICATE = "urn:aspect-hardening:upgrade-bundle:v1"


def stamp(text):
    """Seconds of a time such as 2026-11-24T12:00:00+00:00; only UTC is written."""
    found = re.match(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.\d+)?(?:\+00:00|Z)\Z", text)
    if found is None:
        raise ValueError(text)
    return calendar.timegm(time.strptime(found.group(1), "%Y-%m-%dT%H:%M:%S"))


def whole_number(value):
    """Return a whole number. Errors: ValueError for anything else that JSON may have there."""
    if isinstance(value, (bool, float)) or hasattr(value, "isdigit"):
        raise ValueError("no whole number")
    return int(value)


def _rows(value):
    if not isinstance(value, list) or not all(hasattr(one["path"], "isdigit") for one in value):
        raise ValueError("no members")
    return value


def statement(payload, product):
    """Return what was signed, with its times as seconds. Errors: Refused."""
    try:
        raw = _json(payload)
        claims = raw["predicate"]
        if not all(hasattr(claims[name], "isdigit") for name in ("product", "release")):
            raise ValueError("no text")
        kind = (raw["_type"], raw["predicateType"])
        (subject,) = raw["subject"]
        made = {
            "sha256": subject["digest"]["sha256"],
            "size": whole_number(claims["size"]),
            "created": stamp(claims["created"]),
            "expires": None if claims["expires"] is None else stamp(claims["expires"]),
            "product": claims["product"],
            "release": claims["release"],
            "members": _rows(claims["members"]),
            "nested": bool(claims.get("nested", True)),
        }
    except Exception:
        raise BundleRefused("the signed statement is malformed")
    if kind != (STATEMENT, PREDICATE):
        raise BundleRefused("unknown statement %r" % str(kind[1]))
    if product and made["product"] != product:
        raise BundleRefused("it is for the product %r, not %r" % (str(made["product"]), product))
    return made
