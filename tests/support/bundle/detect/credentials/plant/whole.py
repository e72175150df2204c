"""Whole files with many credentials each, every one with a value of its own: the third to the eighth wording.

The texts are written as in kinds.py. The values differ from those of the first two wordings: what people choose with the
name of the product, a keyboard or a number at hand, what policies force them to, and what generators make.
"""

from __future__ import annotations

import base64
import codecs
import hashlib
import random
import re
import zlib
from pathlib import Path

from tests.support.bundle.detect.credentials.plant import values
from tests.support.bundle.detect.credentials.plant.containers import KINDS
from tests.support.bundle.detect.credentials.plant.corpus import Planted
from tests.support.bundle.detect.credentials.plant.kinds import Place, places

_SLOT = re.compile(r"<<([A-Z*])(?::(\w+))?>>")
_PLANTS = re.compile(r"<<(?:S[:>]|B>|\*>)")
_NAMES = "Aspect Cylon matrix plant Energy site42 metro Bldg hvac station".split()
_KEYS = "1q2w3e4r zaq12wsx asdf1234 qwertz 4711 080808 31337 trustno1 abc123 iloveyou pa55word P@ssw0rd S3cr3t!".split()
_ALPHABETS = {
    "T": "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789",
    "X": "0123456789abcdef",
    "A": "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567",
    "N": "0123456789",
}
_CISCO = b"dsfd;kfoA,.iyewrkldJKDHSUBsgvca69834ncxv9873254k;fg87"


def chosen(pick: random.Random) -> tuple[str, bool]:
    """Return a password, and whether a person would have chosen it."""
    if pick.random() < 0.4:
        size = pick.randint(8, 24)
        made = values.token(pick, size, _ALPHABETS["T"] + "!_.-@")
        letters = _ALPHABETS["T"]
        return pick.choice(letters) + made + pick.choice(letters[:52]) + pick.choice("0123456789"), False
    name, other = pick.choice(_NAMES), pick.choice(values.WORDS)
    number = str(pick.randint(10, 2026))
    return (
        pick.choice(
            [
                pick.choice(_KEYS),
                name + number,
                f"{name}_{other}",
                f"{other}.{name.lower()}.{number}",
                f"{name.capitalize()}{number}{pick.choice('!@')}",
                other.replace("e", "3").replace("a", "4").replace("o", "0"),
                f"{other}-{pick.choice(values.WORDS)}-{pick.choice(values.WORDS)}",
                other.upper() + number[-2:],
            ]
        ),
        True,
    )


def _cisco(value: str) -> str:
    return "04" + bytes(c ^ _CISCO[4 + i] for i, c in enumerate(value.encode())).hex().upper()


_MORE = {
    "sha1b64": lambda v: base64.b64encode(hashlib.sha1(v.encode(), usedforsecurity=False).digest()).decode(),
    "sha256": lambda v: hashlib.sha256(v.encode()).hexdigest(),
    "xor": lambda v: base64.b64encode(bytes(c ^ 95 for c in v.encode())).decode(),
    "rot13": lambda v: codecs.encode(v, "rot13"),
    "urlall": lambda v: "".join(f"%{b:02X}" for b in v.encode()),
    "xmlall": lambda v: "".join(f"&#{b};" for b in v.encode()),
    "xmlhex": lambda v: "".join(f"&#x{b:x};" for b in v.encode()),
    "oct": lambda v: "".join(f"\\{b:03o}" for b in v.encode()),
    "u16b64": lambda v: base64.b64encode(v.encode("utf-16-le")).decode(),
    "cisco7": _cisco,
    "md5b64": lambda v: base64.b64encode(hashlib.md5(v.encode(), usedforsecurity=False).digest()).decode(),
    "ssha0": lambda v: values.ENCODED["ssha"](v).partition("}")[2],
    "rev": lambda v: v[::-1],
    "nt": lambda v: hashlib.sha256(v.encode()).hexdigest()[:32].upper(),
}


def _github(pick: random.Random) -> str:
    body = values.token(pick, 30)
    number, digits = zlib.crc32(body.encode()), ""
    alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
    while number:
        number, rest = divmod(number, 62)
        digits = alphabet[rest] + digits
    return body + digits.rjust(6, "0")


def _line(text: str, pick: random.Random) -> tuple[str, str, bool]:
    """Fill one line; returns it with its secret and whether that is weak."""
    secret, weak = chosen(pick)
    user, host, base = pick.choice(values.USERS), pick.choice(values.HOSTS), pick.choice(values.BASES)

    def put(found: re.Match[str]) -> str:
        what, how = found[1], found[2] or ""
        if what == "S":
            return (_MORE.get(how) or values.ENCODED[how])(secret)
        if what == "B":
            return values.ENCODED["b64"](f"{user}:{secret}")
        if what == "G":
            return _github(pick)
        if what in _ALPHABETS:
            return values.token(pick, int(how), _ALPHABETS[what])
        return {"U": user, "H": host, "D": base, "*": ""}[what]

    return _SLOT.sub(put, text), secret, weak


def written(place: Place, pick: random.Random) -> tuple[str, list[tuple[int, str, bool, str]]]:
    """Return the file, and its credentials: line, value, weak, the line as it was worded."""
    out, secrets = [], []
    for number, text in enumerate(place.text.rstrip("\n").split("\n"), 1):
        line, secret, weak = _line(text, pick)
        out.append(line)
        if _PLANTS.search(text):
            secrets.append((number, secret, weak, text.strip()))
    return "\n".join(out) + "\n", secrets


def build(root: Path, wording: str, seed: int, rounds: int) -> list[Planted]:
    """Write every file of a wording `rounds` times below `root`, loose or in a container."""
    pick = random.Random(f"whole{wording}{seed}")
    kinds, planted, serial = sorted(KINDS), [], 0
    for _ in range(rounds):
        for place in places(wording):
            text, secrets = written(place, pick)
            container = pick.choice(kinds) if pick.random() < 0.3 else ""
            serial += 1
            top = root / f"{serial:05d}"
            file = top / (f"package.{container}" if container else place.path)
            file.parent.mkdir(parents=True)
            file.write_bytes(KINDS[container](place.path, text.encode()) if container else text.encode())
            inner = place.path if container else place.path.rpartition("/")[2]
            planted += [
                Planted(place.group, worded, str(file), inner, line, secret, weak, container)
                for line, secret, weak, worded in secrets
            ]
    return planted
