"""Values that people and generators choose as passwords, and what stands in for one; all made from a seed."""

from __future__ import annotations

import base64
import hashlib
import random
import string
from collections.abc import Callable
from urllib.parse import quote
from xml.sax.saxutils import escape

WORDS = (
    "falcon harbour granite lantern meadow orchid pelican quartz raven saffron thistle umber velvet walnut zephyr "
    "boiler chiller damper airflow turbine facility tower campus bridge winter summer monday dragon shadow master"
).split()
COMMON = "admin password root changeme123 123456 letmein welcome1 qwerty manager tomcat default1 operator guest toor admin123".split()
USERS = "dbadmin svc_app root webuser report sync backup operator reader bms".split()
HOSTS = "localhost 127.0.0.1 db01 10.1.2.3 dbhost ctl-server mail.internal".split()
BASES = "building alarms trends events site users metering portal".split()


def weak(pick: random.Random) -> str:
    """A password a person chose: a word, a word with digits, or one that everybody tries."""
    return pick.choice(
        [
            pick.choice(COMMON),
            pick.choice(WORDS),
            pick.choice(WORDS) + str(pick.randint(1, 2099)),
            pick.choice(WORDS).capitalize() + str(pick.randint(1, 99)) + pick.choice(["!", "", "#", "$"]),
            pick.choice(WORDS) + pick.choice(WORDS),
        ]
    )


def strong(pick: random.Random) -> str:
    """A password a generator made, with the signs that survive quoting."""
    letters = string.ascii_letters + string.digits
    size = pick.randint(10, 20)
    made = [pick.choice(letters) for _ in range(size)] + [pick.choice(string.digits), pick.choice("!_.%+-")]
    pick.shuffle(made)
    return pick.choice(letters) + "".join(made) + pick.choice(string.ascii_lowercase)


def token(pick: random.Random, size: int, alphabet: str = string.ascii_letters + string.digits) -> str:
    return "".join(pick.choice(alphabet) for _ in range(size))


def jetty(value: str) -> str:
    """Jetty's obfuscation, as its documentation describes it."""
    out, raw = "OBF:", value.encode()
    for one, other in zip(raw, reversed(raw), strict=True):
        number = (127 + one + other) * 256 + (127 + one - other)
        digits = ""
        while number:
            number, rest = divmod(number, 36)
            digits = string.digits[rest] + digits if rest < 10 else chr(87 + rest) + digits
        out += digits.rjust(4, "0")
    return out


def mysql(value: str) -> str:
    inner = hashlib.sha1(value.encode(), usedforsecurity=False).digest()
    return "*" + hashlib.sha1(inner, usedforsecurity=False).hexdigest().upper()


ENCODED: dict[str, Callable[[str], str]] = {
    "": lambda v: v,
    "b64": lambda v: base64.b64encode(v.encode()).decode(),
    "hex": lambda v: v.encode().hex(),
    "url": lambda v: quote(v, safe=""),
    "xml": lambda v: escape(v, {'"': "&quot;", "!": "&#33;"}),
    "uni": lambda v: "".join(f"\\u{ord(c):04x}" for c in v),
    "chr": lambda v: ".".join(f"chr({ord(c)})" for c in v),
    "escx": lambda v: "".join(f"\\x{ord(c):02x}" for c in v),
    "obf": jetty,
    "md5": lambda v: hashlib.md5(v.encode(), usedforsecurity=False).hexdigest(),
    "sha1": lambda v: hashlib.sha1(v.encode(), usedforsecurity=False).hexdigest(),
    "mysql": mysql,
    "bcrypt": lambda v: "$2y$10$" + token(random.Random(v), 53, string.ascii_letters + string.digits + "./"),
    "ssha": lambda v: "{SSHA}" + base64.b64encode(hashlib.sha1(v.encode() + b"saltsalt", usedforsecurity=False).digest() + b"saltsalt").decode(),
    "sha512crypt": lambda v: "$6$" + token(random.Random(v), 8) + "$" + token(random.Random(v + "6"), 86, string.ascii_letters + string.digits + "./"),
    "md5crypt": lambda v: "$1$" + token(random.Random(v), 8) + "$" + token(random.Random(v + "1"), 22, string.ascii_letters + string.digits + "./"),
    "apr1": lambda v: "$apr1$" + token(random.Random(v), 8) + "$" + token(random.Random(v + "a"), 22, string.ascii_letters + string.digits + "./"),
    "des": lambda v: token(random.Random(v), 13, string.ascii_letters + string.digits + "./"),
    "half": lambda v: v[: len(v) // 2],
    "rest": lambda v: v[len(v) // 2 :],
}  # fmt: skip
