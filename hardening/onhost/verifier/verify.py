"""The whole verification."""

import os
import time

from hardening.onhost.verifier.content import check_content
from hardening.onhost.verifier.envelope import opened
from hardening.onhost.verifier.problems import BundleRefused, Usage
from hardening.onhost.verifier.reading import read_most
from hardening.onhost.verifier.statement import statement
from hardening.onhost.verifier.trusted_time import check_time, keep, moment

LARGEST_ENVELOPE = 256 << 20


def verify(path, keys, threshold=1, signature=None, clock=None, product="", largest=0, now=None):
    """Return what was signed. Errors: Refused, Usage."""
    if not keys or threshold < 1:
        raise BundleRefused("no key is trusted, so nothing can be verified")
    now = moment(clock, int(time.time()) if now is None else now)
    if not os.path.isfile(path):
        raise Usage("%s: no such file" % path)
    signature = signature or path + ".dsse.json"
    try:
        if not os.path.isfile(signature):  # a pipe would be waited for
            raise Usage("%s: no such file" % signature)
        data = read_most(signature, LARGEST_ENVELOPE)
    except Usage as problem:
        raise BundleRefused("no signature: %s" % problem)
    if len(data) > LARGEST_ENVELOPE:
        raise BundleRefused("the signature file is larger than a signature can be")
    payload, signers = opened(data, keys, threshold)
    claims = statement(payload, product)
    check_time(claims, now)
    check_content(path, claims, largest)
    keep(clock, max(now, claims["created"]))
    claims["signers"] = signers
    return claims
