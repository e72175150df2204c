"""Checks of tokens of published forms; a checksum, where the form has one, is verified."""

from __future__ import annotations

import base64
import binascii
import json
import re
import zlib
from collections.abc import Callable, Mapping
from dataclasses import replace

from bundle.detect.credentials.judging.score import is_drawn
from bundle.detect.credentials.rules.catch import Catch


def token(caught: Catch, _match: re.Match[str]) -> Catch | None:
    """A token of published form: examples of manuals and runs of one character are none."""
    value = caught.value
    body = re.sub(r"[^A-Za-z0-9]", "", value)[-24:]
    if re.search(r"(?i)example|xxxx|1234567890|abcdefgh|0{8}|your|dummy|fake", value) or len(set(body)) < 8:  # noqa: PLR2004 - generated text has more
        return None
    test = re.match(r"[rs]k_test_", value)
    return replace(caught, mark="trial") if test else caught


_BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def _checksum_base62(body: str) -> str:
    number, text = zlib.crc32(body.encode()), ""
    while number:
        number, digit = divmod(number, 62)
        text = _BASE62[digit] + text
    return text.rjust(6, "0")


def github(caught: Catch, match: re.Match[str]) -> Catch | None:
    """GitHub and npm tokens end in a CRC-32 of what comes before."""
    body = caught.value.split("_", 1)[1]
    if _checksum_base62(body[:-6]) == body[-6:]:
        return caught
    known = token(caught, match)
    return known.by("checksum") if known else None


def grafana(caught: Catch, match: re.Match[str]) -> Catch | None:
    """A Grafana service account's token ends in the CRC-32 of what comes before, least byte first."""
    known = token(caught, match)
    if known is None or not caught.value.startswith("glsa_"):
        return known
    body, said = caught.value.rsplit("_", 1)
    if zlib.crc32(body.encode()).to_bytes(4, "little").hex() == said:
        return known
    return known.by("checksum")


_BECH32 = "QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L"


def age(caught: Catch, _match: re.Match[str]) -> Catch | None:
    """A key of age is Bech32 (BIP 173), whose last six characters are a checksum."""
    head, _, body = caught.value.rpartition("1")
    sum_ = 1
    prefix = head.lower()
    for value in (
        *(ord(c) >> 5 for c in prefix),
        0,
        *(ord(c) & 31 for c in prefix),
        *map(_BECH32.index, body),
    ):
        top = sum_ >> 25
        sum_ = (sum_ & 0x1FFFFFF) << 5 ^ value
        for bit, word in enumerate((0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)):
            sum_ ^= word if (top >> bit) & 1 else 0
    return caught if sum_ == 1 else None


def discord(caught: Catch, _match: re.Match[str]) -> Catch | None:
    """A bot's token of Discord begins with the Base64 of its number."""
    head = caught.value.split(".", 1)[0]
    try:
        number = base64.b64decode(head + "=" * (-len(head) % 4))
    except (ValueError, binascii.Error):
        return None
    return caught if number.isdigit() else None


_OF_NOBODY = base64.b64encode(b'{"sub":"1234567890","name":"John').decode()[:42]
"""What the claims begin with of the token that jwt.io explains tokens by."""


def jwt(caught: Catch, _match: re.Match[str]) -> Catch | None:
    """A JSON Web Token: its header has to decode and name an algorithm; the one that everybody shows is nobody's."""
    head, _, rest = caught.value.partition(".")
    try:
        said = json.loads(base64.urlsafe_b64decode(head + "=" * (-len(head) % 4)))
    except (ValueError, binascii.Error):
        return None
    if not isinstance(said, dict) or "alg" not in said or rest.startswith(_OF_NOBODY):
        return None
    return replace(caught, evidence="web-token", mark="web-token")


def mailgun(caught: Catch, match: re.Match[str]) -> Catch | None:
    """A key of Mailgun: letters and digits that alternate, which no name of a thing has."""
    return token(caught, match) if is_drawn(caught.value.removeprefix("key-")) else None


def nkey(caught: Catch, match: re.Match[str]) -> Catch | None:
    """A seed of NATS: Base32 that ends in the CRC-16 (XMODEM) of what comes before, least byte first."""
    raw = base64.b32decode(caught.value + "=" * (-len(caught.value) % 8))
    if binascii.crc_hqx(raw[:-2], 0) == int.from_bytes(raw[-2:], "little"):
        return caught
    known = token(caught, match)
    return known.by("checksum") if known else None


_SEEDS_OF_MANUALS = ("GEZDGNBVGY3TQOJQ", "JBSWY3DPEHPK3PXP")
"""1234567890, of RFC 4226 and RFC 6238, and "Hello!" of the first programs that read such seeds."""


def seed(caught: Catch, _match: re.Match[str]) -> Catch | None:
    """What one-time passwords are made of, in Base32: words, runs of one character and the seeds of manuals are none."""
    body = caught.value.rstrip("=")
    if body.startswith(_SEEDS_OF_MANUALS):
        return None
    return caught.by("drawn") if is_drawn(body) else None


_FIELD = re.compile(r"""(?<![\w$.-])(kty|crv|n|e|p|q|dp|dq|qi)["']?\s{0,3}:\s{0,3}["'](\w{1,12})""")
_RSA = 150
"""Characters of the private exponent of the shortest RSA key in use, and of the longest of a curve (P-521: 88)."""


def jwk(caught: Catch, match: re.Match[str]) -> Catch | None:
    """The private half of a JSON Web Key: `d`, or `k` of a symmetric one, within the braces that say its kind."""
    text = match.string
    begin, end = text.rfind("{", 0, match.start()), text.find("}", match.end())
    said = dict(_FIELD.findall(text[begin + 1 : None if end < 0 else end]))
    kind = said.get("kty")
    if match["key"] == "k":
        return token(caught, match) if kind == "oct" else None
    fits = len(caught.value) >= _RSA if kind == "RSA" else kind in ("EC", "OKP") and "crv" in said
    return token(caught, match) if fits else None


CHECKS: Mapping[str, Callable[[Catch, re.Match[str]], Catch | None]] = {
    "token": token,
    "github": github,
    "npm": github,
    "grafana": grafana,
    "age": age,
    "discord": discord,
    "jwt": jwt,
    "jwk": jwk,
    "seed": seed,
    "nkey": nkey,
    "mailgun": mailgun,
}
