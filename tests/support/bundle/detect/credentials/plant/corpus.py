"""Lay out a corpus: every kind several times, loose or in a container, and say where each credential lies."""

from __future__ import annotations

import random
import re
import string
import subprocess
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.support.bundle.detect.credentials.plant import values
from tests.support.bundle.detect.credentials.plant.containers import KINDS
from tests.support.bundle.detect.credentials.plant.keymaking import keys
from tests.support.bundle.detect.credentials.plant.kinds import Place, places

_SLOT = re.compile(r"<<([A-Z*])(?::(\w+))?>>")
_ALPHABETS = {
    "T": string.ascii_letters + string.digits,
    "X": "0123456789abcdef",
    "A": string.ascii_uppercase + "234567",
    "N": string.digits,
}


@dataclass(frozen=True)
class Planted:
    group: str
    kind: str
    top: str
    inner: str
    """Path inside the innermost container, which the last part ends with."""
    line: int | None
    secret: str
    weak: bool
    container: str


@dataclass(frozen=True)
class Filled:
    text: str
    lines: tuple[int, ...]
    secret: str
    weak: bool


def github(pick: random.Random) -> str:
    body = values.token(pick, 30)
    number, digits = zlib.crc32(body.encode()), ""
    alphabet = string.digits + string.ascii_uppercase + string.ascii_lowercase
    while number:
        number, rest = divmod(number, 62)
        digits = alphabet[rest] + digits
    return body + digits.rjust(6, "0")


def fill(place: Place, pick: random.Random) -> Filled:
    """Write one text of a kind with fresh values; decoys get none."""
    weak = pick.random() < 0.55
    secret = values.weak(pick) if weak else values.strong(pick)
    user, host, base = pick.choice(values.USERS), pick.choice(values.HOSTS), pick.choice(values.BASES)
    made = [""]

    def put(found: re.Match[str]) -> str:
        what, how = found[1], found[2] or ""
        if what == "S":
            return values.ENCODED[how](secret)
        if what == "B":
            return values.ENCODED["b64"](f"{user}:{secret}")
        if what == "G":
            made.append(github(pick))
            return made[-1]
        if what in _ALPHABETS:
            made.append(values.token(pick, int(how), _ALPHABETS[what]))
            return made[-1]
        return {"U": user, "H": host, "D": base, "*": ""}[what]

    out, lines = [], []
    for number, line in enumerate(_padded(place.text, pick), 1):
        if re.search(r"<<(?:S[:>]|B>|\*>)", line) and "S:rest>>" not in line.replace("<<S:half>>", "", 1) * (
            "S:half" not in line
        ):
            lines.append(number)
        out.append(_SLOT.sub(put, line))
    return Filled(
        "\n".join(out) + "\n", tuple(lines), max(made, key=len) if place.generated else secret, weak
    )


def _padded(text: str, pick: random.Random) -> list[str]:
    lines = text.rstrip("\n").split("\n")
    comment = {"<?": "// ", "#!": "# ", "# ": "# ", "--": "-- "}.get(lines[0][:2])
    if comment is None or lines[0].endswith("?>"):
        return lines
    middle = [f"{comment}part {n} of the set-up" for n in range(pick.randint(0, 40))]
    return lines[:1] + middle + lines[1:]


def build(root: Path, wording: str, seed: int, rounds: int) -> list[Planted]:
    """Write a corpus below `root`: every kind of a wording `rounds` times."""
    pick = random.Random(f"{wording}{seed}")
    planted: list[Planted] = []
    kinds = sorted(KINDS)
    serial = 0

    def lay(path: str, data: bytes, container: str) -> tuple[str, str]:
        nonlocal serial
        serial += 1
        folder, _, name = path.rpartition("/")
        top = root / f"{serial:05d}"
        if container:
            top.mkdir(parents=True)
            file = top / f"package.{container}"
            file.write_bytes(KINDS[container](f"{folder}/{name}".strip("/"), data))
            return str(file), path
        file = top / path
        file.parent.mkdir(parents=True)
        file.write_bytes(data)
        return str(file), name

    for _ in range(rounds):
        for place in places(wording):
            filled = fill(place, pick)
            container = pick.choice(kinds) if pick.random() < 0.4 else ""
            data = filled.text.encode(
                "utf-16" if place.group == "config" and pick.random() < 0.05 else "utf-8"
            )
            top, inner = lay(place.path, data, container)
            assert filled.lines, place
            planted += [
                Planted(place.group, place.path, top, inner, n, filled.secret, filled.weak, container)
                for n in filled.lines[:1]
            ]
        for place in places("decoys"):
            lay(place.path, fill(place, pick).text.encode(), pick.choice([*kinds, "", "", ""]))
    for group, path, data, line in (*keys(pick, rounds), *classes(root, pick, rounds)):
        container = pick.choice(kinds) if pick.random() < 0.4 else ""
        top, inner = lay(path, data, container)
        planted.append(Planted(group, path, top, inner, line, "", weak=False, container=container))
    return planted


_BODIES = (
    'static java.sql.Connection c() throws Exception {{ return java.sql.DriverManager.getConnection("jdbc:mysql://db/x", "{u}", "{s}"); }}',
    'public static final String DB_PASSWORD = "{s}"; String label = "password";',
    'Object a() {{ return new java.net.PasswordAuthentication("{u}", "{s}".toCharArray()); }}',
    'void l(java.security.KeyStore k) throws Exception {{ k.load(null, "{s}".toCharArray()); }}',
    'void p(java.util.Properties p) {{ p.put("user", "{u}"); p.put("password", "{s}"); p.put("charset", "utf8"); }}',
)


def classes(root: Path, pick: random.Random, rounds: int) -> Iterator[tuple[str, str, bytes, int | None]]:
    """Compile classes whose constants are credentials."""
    folder = root.parent / f"{root.name}-java"
    folder.mkdir(parents=True)
    names = []
    for number in range(rounds * len(_BODIES)):
        value = values.weak(pick) if pick.random() < 0.5 else values.strong(pick)
        body = _BODIES[number % len(_BODIES)].format(u=pick.choice(values.USERS), s=value)
        names.append(folder / f"Held{number}.java")
        names[-1].write_text(f"class Held{number} {{ {body} }}\n")
    subprocess.run(["javac", "-d", str(folder), *map(str, names)], check=True, capture_output=True)
    for name in names:
        yield "class", f"com/acme/{name.stem}.class", name.with_suffix(".class").read_bytes(), None
