"""The kinds of places credentials are planted in, as texts: two wordings of each group, one of which is never tuned on.

A kind is written as a heading `### group | path | flags` and a fragment. In the fragment `<<S>>` is the secret (its line
is where the finding has to be), `<<S:b64>>` the secret encoded, `<<U>>` an account, `<<H>>` a host, `<<D>>` a data base,
`<<T:40>>` letters and digits, `<<X:32>>` hexadecimal digits. Every other line is a decoy: a finding on it is false.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path


@dataclass(frozen=True)
class Place:
    group: str
    path: str
    text: str
    generated: bool
    """Whether the value is always a generated one: an API key or a hash of a place that holds no words."""


@cache
def places(wording: str) -> tuple[Place, ...]:
    """Return the kinds of one wording: `first` to `eighth`, or `decoys`."""
    text = (Path(__file__).parent / f"{wording}.txt").read_text("utf-8")
    found = []
    for piece in text.split("\n### ")[1:]:
        head, _, body = piece.partition("\n")
        group, path, *flags = (part.strip() for part in head.split("|"))
        found.append(Place(group, path, body.strip("\n") + "\n", "generated" in flags))
    return tuple(found)
