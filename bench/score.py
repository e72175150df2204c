"""Fit the weights of `bundle/data/credentials/decide/score.toml`: how likely it is that a generator drew a value.

python bench/score.py

Drawn are values of the generators of the planted sets, and of alphabets that key and password generators use. Not drawn are
names and words of this repository's own sources, its data and pages, names of cipher suites, usual passwords, and words joined
with digits and signs as people and programs do. No value of a stranger is used. Half of the values fit the weights (logistic
regression by Newton's method); the limits are set, and the figures printed, on the other half.
"""

from __future__ import annotations

import base64
import math
import random
import re
import string
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from bundle.detect.credentials.judging.score import features
from tests.support.bundle.detect.credentials.plant import members, values, whole

ROOT = Path(__file__).parents[1]
EACH = 700
"""Values of each kind."""
RIDGE = 0.5
"""Keeps the weights small."""
FALSE = {"drawn": 0.004, "sure": 0.0005}
"""Share of the values not drawn that may reach a limit."""
KEYBOARD = 2.6
"""Square root of the different signs that a value has which was drawn from a whole keyboard."""
OUT = ROOT / "bundle" / "data" / "credentials" / "decide" / "score.toml"
HEX = "0123456789abcdef"
ALPHABETS = (
    string.ascii_letters + string.digits, string.ascii_lowercase + string.digits, string.ascii_uppercase + string.digits,
    HEX, HEX.upper(), string.ascii_letters + string.digits + "-_", string.ascii_letters + string.digits + "-_.!%+-_.!%+",
    string.ascii_letters + string.digits + "!@#%^&*+=?", string.ascii_letters,
)  # fmt: skip
DIGEST = re.compile(r"(?i)[0-9a-f]{6}|abcdefgh")
NAME = re.compile(r"[A-Za-z_$.{/@-][\w.:/@{}$()%-]{5,63}")


def drawn(pick: random.Random) -> Iterator[str]:
    """Yield values of generators."""
    for _ in range(EACH):
        yield values.strong(pick)
        yield members.made(pick)
        value, weak = whole.chosen(pick)
        if not weak:
            yield value
        yield base64.b64encode(pick.randbytes(pick.randint(9, 40))).decode()
        yield "".join(pick.choice(string.printable[:94]) for _ in range(pick.randint(20, 64)))
        for alphabet in ALPHABETS:
            shortest = 16 if len(alphabet) in (16, 52) else 10
            yield values.token(pick, pick.randint(shortest, 40), alphabet)


def named() -> list[str]:
    """Return what is written in this repository, without the tests and their secrets."""
    found: set[str] = set()
    for folder in ("hardening", "bundle", "templates", "docs", "playbooks"):
        for path in sorted((ROOT / folder).rglob("*")):
            if path.suffix in (".py", ".toml", ".md", ".j2", ".yml") and "credentials" not in path.parts:
                found.update(one for one in NAME.findall(path.read_text("utf-8")) if not DIGEST.search(one))
    return sorted(found)


def joined(pick: random.Random, words: Sequence[str]) -> Iterator[str]:
    """Yield words put together as people and programs do."""
    while True:
        one, other, third = (pick.choice(words) for _ in range(3))
        number, sign = (
            pick.choice((str(pick.randint(1, 99)), str(pick.randint(100, 2099)))),
            pick.choice("-_.:/"),
        )
        leet = one.translate(str.maketrans("oieas", "01345"))
        yield from (
            f"{one}{number}{other}", f"{one.capitalize()}{number}{other}", f"{one}{sign}{other}{sign}{number}",
            f"{one}{other.capitalize()}{number}{third.capitalize()}", f"{one[:2]}{number[:1]}{sign}{other[:2]}{number[-1]}{sign}{other[:3]}",
            f"{one.upper()}_{other.upper()}_{number}", f"{leet}{sign}{other}", f"{one.capitalize()}{number}{pick.choice('!#$@')}",
            f"{{{one}}}-{other}{number}", f"{one}({other}.{third}[{number}])",
            counted(pick), alternating(pick),
            values.token(pick, 12, HEX.upper()), f"U1F1{values.token(pick, 2, HEX.upper())}-U1F1{values.token(pick, 2, HEX.upper())}",
        )  # fmt: skip


def counted(pick: random.Random) -> str:
    """Return letters or digits as they follow each other in an alphabet or on a keyboard."""
    row = pick.choice(
        (
            string.ascii_letters,
            string.ascii_uppercase + string.digits,
            string.digits * 2,
            "qwertyuiopasdfghjklzxcvbnm",
        )
    )
    begin = pick.randint(0, len(row) - 8)
    return row[begin : begin + pick.randint(6, 40)]


def alternating(pick: random.Random) -> str:
    """Return letters and digits in turn that go up one by one."""
    size, first, begin = pick.randint(4, 9), pick.randint(0, 1), pick.choice("aAbk")
    pairs = ((str(n % 10 + first), chr(ord(begin) + n)) for n in range(size))
    return "".join("".join(pair if first else pair[::-1]) for pair in pairs)


def samples(pick: random.Random) -> tuple[list[str], list[str]]:
    """Return values that were drawn, and values that were not, of about the same number."""
    words = [one for one in named() if one.isalpha() and one.islower()]
    common = (ROOT / "bundle/data/credentials/common.txt").read_text("utf-8").split()
    made = joined(pick, words)
    others = {
        *named(),
        *common,
        *(values.weak(pick) for _ in range(EACH)),
        *(next(made) for _ in range(10 * EACH)),
    }
    return list(drawn(pick)), [one for one in sorted(others) if len(one) > 3]


def fitted(rows: Sequence[Sequence[float]], truth: Sequence[float]) -> list[float]:
    """Return the weights of a logistic regression, by Newton's method."""
    size = len(rows[0])
    found = [0.0] * size
    for _ in range(12):
        slope = [-RIDGE * one for one in found]
        bend = [[RIDGE * (i == j) for j in range(size)] for i in range(size)]
        for row, true in zip(rows, truth, strict=True):
            total = sum(a * b for a, b in zip(found, row, strict=True))
            chance = 1 / (1 + math.exp(-max(-30.0, min(30.0, total))))
            spread = chance * (1 - chance)
            for i, a in enumerate(row):
                slope[i] += (true - chance) * a
                if a:
                    line = bend[i]
                    for j in range(i + 1):
                        line[j] += spread * a * row[j]
        for i in range(size):
            for j in range(i):
                bend[j][i] = bend[i][j]
        found = [a + b for a, b in zip(found, solved(bend, slope), strict=True)]
    return found


def solved(matrix: list[list[float]], right: list[float]) -> list[float]:
    """Solve equations by Gauss's elimination."""
    size = len(right)
    rows = [[*row, end] for row, end in zip(matrix, right, strict=True)]
    for i in range(size):
        best = max(range(i, size), key=lambda k: abs(rows[k][i]))
        rows[i], rows[best] = rows[best], rows[i]
        for k in range(size):
            if k != i and (factor := rows[k][i] / rows[i][i]):
                rows[k] = [a - factor * b for a, b in zip(rows[k], rows[i], strict=True)]
    return [rows[i][size] / rows[i][i] for i in range(size)]


def main() -> None:
    """Fit, set the limits, print what they do, and write the file."""
    pick = random.Random("score")
    yes, no = samples(pick)
    data = [(one, 1.0) for one in yes] + [(one, 0.0) for one in no]
    pick.shuffle(data)
    described = [([1.0, *features(value).values()], true, value) for value, true in data]
    half = len(described) // 2
    names = ["always", *features("x")]
    found = fitted([row for row, _, _ in described[:half]], [true for _, true, _ in described[:half]])
    found = [round(one, 2) for one in found]
    rest = sorted(
        (sum(a * b for a, b in zip(found, row, strict=True)), true, value)
        for row, true, value in described[half:]
    )
    false = [total for total, true, _ in rest if not true]
    text = [
        "# Weights of the features of a value: their sum is the logarithm of the odds that a generator drew it.",
        f"# Written by `make score` from {len(yes)} values that generators of the suite drew and {len(no)} names and words; bench/score.py says which.",
        f"# A limit is what so few of the others reach: {FALSE['drawn']:.2%} (drawn), {FALSE['sure']:.2%} (sure).",
        "", "[limit]",
    ]  # fmt: skip
    for name, share in FALSE.items():
        limit = round(false[-1 - int(len(false) * share)], 1)
        reached = sum(total >= limit for total, true, _ in rest if true) / sum(true for _, true, _ in rest)
        text.append(f"{name} = {limit}")
        print(f"{name}: {limit}; reached by {reached:.3f} of the drawn and {share} of the others")
    text.append(f"keyboard = {KEYBOARD}")
    text += ["", "[weight]", *(f"{name} = {weight}" for name, weight in zip(names, found, strict=True)), ""]
    OUT.write_text("\n".join(text), "utf-8")


if __name__ == "__main__":
    main()
