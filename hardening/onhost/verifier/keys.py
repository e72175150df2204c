"""Public keys."""

import base64
import binascii
import hashlib
import re

from hardening.onhost.verifier.ed25519 import ed25519, is_weak
from hardening.onhost.verifier.p256 import p256
from hardening.onhost.verifier.problems import Usage
from hardening.onhost.verifier.reading import read_most

_ED = binascii.unhexlify(b"302a300506032b6570032100")
_EC = binascii.unhexlify(b"3059301306072a8648ce3d020106082a8648ce3d03010703420004")


class Key(object):
    """A public key: how it verifies, and its name (SHA-256 of its DER)."""

    def __init__(self, der):
        self.id = hashlib.sha256(der).hexdigest()
        if der[:12] == _ED and len(der) == 44:
            self._check, self._key = ed25519, der[12:]
            if is_weak(self._key):
                raise Usage("a weak Ed25519 key (small order): anybody can sign for it")
        elif der[:27] == _EC and len(der) == 91:
            self._check, self._key = p256, der[27:]
        else:
            raise Usage("not an Ed25519 or ECDSA P-256 public key")

    def verifies(self, signature, message):
        """Return whether the key made this signature."""
        return self._check(self._key, signature, message)


def load_key(path):
    """Return the key in a PEM file. Errors: Usage."""
    text = read_most(path, 1 << 16)
    found = re.search(b"-----BEGIN PUBLIC KEY-----([A-Za-z0-9+/=\\s]+)-----END PUBLIC KEY-----", text)
    if found is None:
        raise Usage("%s: not a public key in PEM form" % path)
    try:
        return Key(base64.b64decode(b"".join(found.group(1).split())))
    except Usage as problem:
        raise Usage("%s: %s" % (path, problem))
    except (TypeError, binascii.Error):
        raise Usage("%s: not an Ed25519 or ECDSA P-256 public key" % path)
