"""Random cipher strings from a seed: what administrators write, and what parsers stumble over."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from random import Random

from hardening.tls.openssl import Build, builds

REAL = (
    "ALL:!ADH:RC4+RSA:+HIGH:+MEDIUM:+LOW:+SSLv2:+EXP",
    "ALL:!ADH:!EXPORT:!SSLv2:RC4+RSA:+HIGH:+MEDIUM:+LOW",
    "DEFAULT:!EXP:!SSLv2:!DES:!IDEA:!SEED:+3DES",
    "HIGH:3DES:!aNULL:!MD5:!SEED:!IDEA",
    "HIGH:MEDIUM:!MD5:!RC4:!3DES",
    "EECDH+AESGCM:EDH+AESGCM:AES256+EECDH:AES256+EDH",
    "ECDHE+AESGCM:ECDHE+CHACHA20:DHE+AESGCM:!aNULL:!MD5:!DSS",
    "PROFILE=SYSTEM",
    "PROFILE=SYSTEM:!AES128:@SECLEVEL=1",
    (
        "kEECDH:+kEECDH+SHA:kEDH:+kEDH+SHA:+kEDH+CAMELLIA:kECDH:+kECDH+SHA:kRSA:+kRSA+SHA:"
        "!aNULL:!eNULL:!SSLv2:!RC4:!DES:!EXP:!SEED:!IDEA:+3DES"
    ),
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-RSA-AES256-SHA384:DHE-RSA-AES128-SHA",
    "ALL:@STRENGTH:!aNULL:-LOW:+AES128",
)
ODD = ("FOO", "high", "AES-256", "TLS", "aNUL", "AECDH-", "x", "TLSv1.1", "TLSv1.3", "TLS_AES_128_GCM_SHA256")
SUITE_B = ("SUITEB128", "SUITEB128ONLY", "SUITEB128C2", "SUITEB192")
COMMANDS = ("@STRENGTH", "@STRENGTH", "@STRENGTH", "@SECLEVEL=1", "@SECLEVEL=0", "@SECLEVEL=5")
BAD = (
    "@STRENGT",
    "@",
    "@SECLEVEL=6",
    "@SECLEVEL=12",
    "!",
    "-",
    "+",
    "AES_",
    "!!AES",
    "A+",
    "+AES+",
    "*",
    "RSA.",
)


@cache
def _vocabulary() -> tuple[tuple[str, ...], tuple[str, ...]]:
    keywords = {word for b in builds() for word in b.keywords}
    names = {c.name for b in builds() for c in b.ciphers} | {c.iana for c in builds()[-1].ciphers}
    return tuple(sorted(keywords)), tuple(sorted(names))


class _Writer:
    """Writes one string after the other for one build."""

    def __init__(self, build: Build, seed: int) -> None:
        self.random = Random(f"{build.name} {seed}")
        self.keywords, self.names = _vocabulary()
        self.own_keywords = tuple(sorted(build.keywords))
        self.own_names = tuple(sorted({c.name for c in build.ciphers}))
        self.commands = COMMANDS if build.release >= (1, 1, 0) else COMMANDS[:3]

    def word(self) -> str:
        chances = (50, 15, 20, 13, 2)
        source = self.random.choices(
            (self.own_keywords, self.keywords, self.own_names, self.names, ODD), chances
        )[0]
        return self.random.choice(source)

    def element(self) -> str:
        random = self.random
        roll = random.random()
        if roll < 0.07:
            return random.choice(self.commands)
        if roll < 0.0715:
            return random.choice(COMMANDS)
        if roll < 0.075:
            return random.choice(BAD)
        sign = random.choice(("", "", "", "+", "-", "!"))
        parts = random.choices((1, 2, 3, 4), (65, 25, 8, 2))[0]
        return sign + "+".join(self.word() for _ in range(parts))

    def elements(self) -> list[str]:
        random = self.random
        lengths = random.choices((1, 2, 4, 8, 14), (15, 20, 30, 25, 10))[0]
        elements = [self.element() for _ in range(lengths)]
        anywhere = random.randrange(len(elements) + 1)
        start = random.choices(
            ("DEFAULT", "real", "suite b", "late", "ALL", "few", ""), (12, 10, 3, 3, 32, 2, 38)
        )[0]
        if start == "real":
            elements[:0] = random.choice(REAL).split(":")
        elif start == "suite b":
            elements.insert(anywhere, random.choice(SUITE_B))
        elif start == "few":
            kept = set(random.sample(self.own_names, random.randrange(1, 4)))
            elements[anywhere:anywhere] = ["!" + name for name in self.own_names if name not in kept]
        elif start == "late":
            elements.insert(anywhere, "DEFAULT")
        elif start:
            elements.insert(0, start)
        if random.random() < 0.05:
            random.shuffle(elements)
        return elements

    def string(self) -> str:
        random = self.random
        separators = (":", ":", ":", ",", " ", ";", "::", "", ": ") if random.random() < 0.08 else (":",)
        return "".join(part + random.choice(separators) for part in self.elements()).removesuffix(":")


def strings(build: Build, seed: int, count: int) -> Iterator[str]:
    """Yield `count` strings; two words in three are ones this build knows."""
    writer = _Writer(build, seed)
    for _ in range(count):
        yield writer.string()
