"""Text, bytes and paths on Python 2 and 3, and the clocks."""

import base64
import codecs
import hashlib
import os
import re
import sys
import time

PY3 = sys.version_info[0] >= 3


def native(text):
    """Return a path as this Python's file functions want it, whatever the locale is."""
    if PY3:
        raw = text if isinstance(text, bytes) else text.encode("utf-8", "surrogateescape")
        return os.fsdecode(raw)  # novermin: Python 3 alone comes here
    return text if isinstance(text, bytes) else ESCAPED.sub(_unescaped, text.encode("utf-8"))


def raw_path(path):
    """Return a path as the bytes that the C library wants."""
    if isinstance(path, bytes):
        return path
    return os.fsencode(path) if PY3 else path.encode("utf-8")  # novermin: Python 3 alone has it


def shown(path):
    """Return a path or a program's output as text that JSON can hold."""
    if PY3 or isinstance(path, bytes):
        return raw_path(path).decode("utf-8", "replace")
    return path


# how Python 2 writes what `kept` made of a single byte
ESCAPED = re.compile(b"\xed([\xb2\xb3])([\x80-\xbf])")


def _unescaped(match):
    high, low = bytearray(match.group(1) + match.group(2))
    return bytes(bytearray([(high & 3) << 6 | low & 63]))


def _escape(problem):
    wrong = bytearray(problem.object[problem.start : problem.end])
    text = "".join("\\udc%02x" % one for one in wrong)
    return text.encode("ascii").decode("unicode_escape"), problem.end


codecs.register_error("aspect-escape", _escape)


def lossless(path):
    """Return a path as text of which `native` makes the same bytes again: names on old hosts need not be UTF-8."""
    return raw_path(path).decode("utf-8", "aspect-escape")


def b64(data):
    """Return Base64 text."""
    return base64.b64encode(data).decode("ascii")


def unb64(text):
    """Return the bytes of Base64 text."""
    return base64.b64decode(text.encode("ascii"))


def sha256(data):
    """Return the digest in hex."""
    return hashlib.sha256(data).hexdigest()


def clock():
    """Return seconds that no clock adjustment moves."""
    return os.times()[4]


def stamp():
    """Return the time, RFC 3339, UTC."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
