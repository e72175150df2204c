"""Refuses a bundle that nobody trusted has signed.

    verifier.pyz BUNDLE --key KEY.pub [--key KEY2.pub ...] [--threshold N] [--signature SIG]
                        [--clock FILE] [--product NAME] [--largest BYTES]

It reads the DSSE envelope BUNDLE.dsse.json (or SIG), checks its signatures with arithmetic of its own (Ed25519 as in
RFC 8032, ECDSA on P-256 with SHA-256, strict DER), then the statement in it: type, product, time of signing, expiry.
Then the bundle is hashed once, in pieces; nothing is unpacked and nothing else is run. Where the hash differs, the
members of a zip or tar are compared with the signed list, to name the first that is not as signed.

`--clock FILE` keeps the latest moment this host has seen, so that a clock that was lost brings nothing back.

Exit codes: 0 verified, 2 usage, 11 refused (one line on standard output says why).
"""

import sys

from hardening.onhost.verifier.keys import load_key
from hardening.onhost.verifier.problems import BundleRefused, Usage
from hardening.onhost.verifier.verify import verify


def main():
    """Verify what the command line names; return an exit code."""
    arguments = sys.argv[1:]
    if arguments in (["--help"], ["-h"]):
        sys.stdout.write(__doc__)
        return 0
    try:
        paths, options = _arguments(arguments)
        if len(paths) != 1 or not options["--key"]:
            raise Usage(
                "verifier.pyz BUNDLE --key KEY.pub [--key KEY2.pub ...] [--threshold N] [--signature SIG] "
                "[--clock FILE] [--product NAME] [--largest BYTES]"
            )
        if "" in options["--product"]:
            raise Usage("--product needs a name")
        claims = verify(
            paths[0],
            [load_key(one) for one in options["--key"]],
            threshold=_number(options, "--threshold", 1),
            signature=_last(options, "--signature"),
            clock=_last(options, "--clock"),
            product=_last(options, "--product") or "",
            largest=_number(options, "--largest", 0),
        )
    except Usage as problem:
        sys.stderr.write("verifier: %s\n" % problem)
        return 2
    except BundleRefused as problem:
        sys.stdout.write("REFUSED: %s\n" % problem)
        return 11
    except EnvironmentError as problem:
        sys.stdout.write("REFUSED: %s\n" % problem)
        return 11
    words = " ".join(word for word in (claims["product"], claims["release"]) if word)
    sys.stdout.write("verified: %s%ssha256 %s\n" % (words, words and ", ", claims["sha256"]))
    return 0


_WORDS = ("--key", "--threshold", "--signature", "--clock", "--product", "--largest")


def _arguments(arguments):
    paths, options, rest = [], dict((word, []) for word in _WORDS), list(arguments)
    while rest:
        word = rest.pop(0)
        if not word.startswith("--"):
            paths.append(word)
        elif word not in options or not rest:
            raise Usage("unknown option, or one without its value: %s" % word)
        else:
            options[word].append(rest.pop(0))
    return paths, options


def _last(options, word):
    return options[word][-1] if options[word] else None


def _number(options, word, default):
    text = _last(options, word)
    if text is None:
        return default
    if not text.isdigit() or not int(text):
        raise Usage("%s: %r is not a number above zero" % (word, text))
    return int(text)
