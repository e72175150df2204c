"""The DSSE envelope: read strictly, and its signatures counted."""

import base64
import json
import sys

from hardening.onhost.verifier.problems import BundleRefused

TYPE = "application/vnd.in-toto+json"
SIGNATURES = 100  # that are looked at: each takes milliseconds, for each key
PARTS = 2000  # commas and brackets of an envelope: far fewer than would fill the memory


def _once(pairs):
    made = dict(pairs)
    if len(made) != len(pairs):
        raise ValueError("a name occurs twice")
    return made


def _json(data):
    text = data.decode("utf-8")
    if sys.version_info >= (2, 7):
        return json.loads(text, object_pairs_hook=_once)
    for name in ("payloadType", "payload", "signatures"):  # Python 2.6 cannot say that a name occurs twice
        if text.count('"%s"' % name) > 1:
            raise ValueError("a name occurs twice")
    return json.loads(text)


def _few(data):
    """Return JSON of a few parts; more would fill the memory."""
    if sum(data.count(one) for one in (b",", b"{", b"[")) > PARTS:
        raise ValueError("too many parts")
    return _json(data)


def _base64(text):
    text = text.replace("-", "+").replace("_", "/")
    data = base64.b64decode(text.encode("ascii"))
    if base64.b64encode(data).decode("ascii") != text:
        raise ValueError("not Base64")
    return data


def opened(data, keys, threshold):
    """The payload of an envelope that enough of the keys have signed. Errors: Refused."""
    try:
        raw = _few(data)
        if set(raw) != set(["payloadType", "payload", "signatures"]) or len(raw["signatures"]) > SIGNATURES:
            raise ValueError("unknown names, or too many signatures")
        for one in raw["signatures"]:
            if not set(["sig"]) <= set(one) <= set(["keyid", "sig"]):
                raise ValueError("unknown names")
        kind, payload = raw["payloadType"], _base64(raw["payload"])
        signatures = [(one.get("keyid", ""), _base64(one["sig"])) for one in raw["signatures"]]
        head = ("DSSEv1 %d %s %d " % (len(kind.encode("utf-8")), kind, len(payload))).encode("utf-8")
    except Exception:
        raise BundleRefused("the signature file is not a DSSE envelope")
    if kind != TYPE:
        raise BundleRefused("the envelope is of another type")
    good = set()
    for key in keys:
        for name, signature in signatures:
            if name in ("", key.id) and key.verifies(signature, head + payload):
                good.add(key.id)
    if len(good) < threshold:
        raise BundleRefused("%d of %d needed signatures are made with a trusted key" % (len(good), threshold))
    return payload, sorted(good)
