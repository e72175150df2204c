"""Reads the service's answers. They come from outside, so nothing in them is trusted.

The reviewed table is data/answers.toml of the toolkit; a test compares the two.
"""

import json
import re
import time

from hardening.onhost.relay.compat import TEXT
from hardening.onhost.relay.problems import CONFIG, MESSAGE, TEMPORARY

NOT_JSON = "(no answer of the service: the page of a proxy or a portal?)"
QUOTA_EXCEEDED = re.compile(r"submissionquotaexceeded|\b5\.(1\.90|2\.12[12]|7\.23[236])\b")
CANNOT_LOG_IN = re.compile(r"mapiexceptionlogonfailed|mailbox logon failure|\b4\.7\.66\b")
SENDER_DENIED = re.compile(r"sendasdenied|outboundspam|\b5\.(7\.60|2\.252|2\.2)\b")
SENDER_MAILBOX = re.compile(r"\b5\.2\.[01]\b")  # disabled, gone or whatever: X.2 is a mailbox's status
POLICY = re.compile(r"\b5\.(7\.\d+|1\.8)\b")  # against sender, tenant or this host


def smtp_kind(stage, code, text):
    """Return what a reply means for the mail."""
    low = text.lower()
    if QUOTA_EXCEEDED.search(low):
        return TEMPORARY  # a 5xx that goes away
    if code == 430 or CANNOT_LOG_IN.search(low):
        return CONFIG  # a 4xx that does not
    if SENDER_DENIED.search(low):
        return CONFIG
    if stage in ("auth", "starttls") and code >= 500:
        return CONFIG
    if code == 530:
        return CONFIG
    if code < 500:
        return TEMPORARY
    if stage == "data" and SENDER_MAILBOX.search(low):
        return CONFIG
    if code == 552:
        return MESSAGE  # too large
    if stage in ("banner", "ehlo", "mail") or POLICY.search(low):
        return CONFIG  # the mail is kept until somebody changes the policy
    return MESSAGE


def http_kind(status, name):
    """Return what an answer of the token service or of Graph means."""
    if status in (408, 425, 429) or name in ("temporarily_unavailable", "server_error"):
        return TEMPORARY
    if status >= 500 and status != 507:  # 507: the mailbox is full
        return TEMPORARY
    if name in ("ErrorExceededMessageLimit", "ErrorSubmissionQuotaExceeded"):
        return TEMPORARY
    if name in (
        "ErrorSendAsDenied",
        "ErrorInvalidUser",
        "NoPermissionsInAccessToken",
        "ErrorQuotaExceeded",
        "ErrorMessageSubmissionBlocked",
        "ErrorAccountDisabled",
    ):
        return CONFIG
    if status == 413 or (status == 400 and name == ""):
        return MESSAGE if status == 413 else CONFIG  # without Graph's own word it was something between
    if status == 400 and name not in (
        "invalid_client",
        "unauthorized_client",
        "invalid_tenant",
        "invalid_scope",
        "invalid_request",
        "invalid_resource",
        "invalid_grant",
    ):
        return MESSAGE
    return CONFIG


def json_object(body):
    """Return an answer's JSON object, or an empty one."""
    try:
        found = json.loads(body.decode("utf-8", "replace"))
    except (ValueError, RuntimeError):  # the latter: brackets in brackets without end
        return {}
    return found if isinstance(found, dict) else {}


def ascii_word(value):
    """Return a text as plain ASCII, and an empty string for any other value."""
    return str(value.encode("ascii", "replace").decode("ascii")) if isinstance(value, TEXT) else ""


def token_lifetime(value):
    """Return the seconds a token holds: a number, a number in a string, or an hour where it is neither, or none that can be."""
    try:
        held = float(value)
    except (TypeError, ValueError, OverflowError):
        return 3600.0
    return held if held < 1e6 else 3600.0  # neither NaN nor for ever


def retry_after(answer):
    """Return the seconds that Retry-After asks for, written as a number or as a date, or None."""
    value = (answer.getheader("Retry-After") or "").strip()
    if re.match("[0-9]+$", value):
        return float(value)
    from email.utils import mktime_tz, parsedate_tz

    try:
        return max(0.0, mktime_tz(parsedate_tz(value)) - time.time())
    except (TypeError, ValueError, OverflowError):  # no date
        return None
