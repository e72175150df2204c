"""The keys of this host that must have signed a bundle."""

import os
import shutil
import sys

from hardening.onhost.shared.files import read
from hardening.onhost.shared.texts import native, shown
from hardening.onhost.upgrader.record import Untrusted
from hardening.onhost.verifier.keys import load_key
from hardening.onhost.verifier.problems import BundleRefused, Usage
from hardening.onhost.verifier.verify import verify

TRUST = "/etc/aspect-hardening/trust"


def verify_trust(host, up, request):
    """Refuse a bundle that the keys of this host have not signed; without the folder the control machine is trusted.

    Keys are files `*.pub` there; a file `threshold` says how many have to have signed. Errors: Untrusted.
    """
    folder = host.place(TRUST)
    if not os.path.lexists(folder):
        return
    bundle = up.path("bundle")
    try:
        if not request.get("signature"):
            raise BundleRefused("no signature came with it")
        shutil.copyfile(native(request["signature"]), up.path("signature"))
        names = [name for name in sorted(os.listdir(folder)) if name.endswith(".pub")]
        proof = verify(
            bundle,
            [load_key(os.path.join(folder, name)) for name in names],
            threshold=trust_threshold(folder),
            signature=up.path("signature"),
            clock=os.path.join(host.state, "trust-clock"),
        )
        for name in ("product", "release"):  # what is recorded here has to be what was signed
            if not proof[name] or proof[name] != request[name]:
                raise BundleRefused("it is signed as the %s %r, not %r" % (name, proof[name], request[name]))
    except (BundleRefused, Usage, OSError, IOError, ValueError):
        raise Untrusted("this host refuses the bundle: %s" % sys.exc_info()[1])


def trust_threshold(folder):
    """Return how many keys have to have signed. Errors: ValueError."""
    path = os.path.join(folder, "threshold")
    if not os.path.lexists(path):
        return 1
    text = shown(read(path)).strip()
    if not text.isdigit() or int(text) < 1:
        raise ValueError("%s holds no number above zero" % path)
    return int(text)
