"""The command line."""

from __future__ import print_function

import os
import re
import sys

from hardening.onhost.relay.certificate import make_first, renew
from hardening.onhost.relay.problems import TEMPORARY, ServiceRefused, safe_text
from hardening.onhost.relay.sendmail import sendmail
from hardening.onhost.relay.serve import serve
from hardening.onhost.relay.settings import load
from hardening.onhost.relay.status import status

VERBS = ("serve", "status", "sendmail", "certificate", "renew")
TLS_BY = ("auto", "python", "openssl", "curl")


def main():
    """Run a verb; return its exit code, as sysexits.h has it."""
    arguments = sys.argv[1:]
    if len(arguments) < 2 or arguments[0] not in VERBS:
        sys.stderr.write("usage: relay.pyz %s CONFIG [...]\n" % "|".join(VERBS))
        return 64
    verb, path, rest = arguments[0], arguments[1], arguments[2:]
    try:
        config = load(path)
    except (OSError, IOError) as problem:
        sys.stderr.write("relay: %s: %s\n" % (path, problem.strerror or type(problem).__name__))
        return 78
    except ValueError as problem:
        at = re.search(r"line \d+ column \d+", str(problem))  # no more: a proxy's password may be in it
        sys.stderr.write("relay: %s: no valid JSON%s\n" % (path, at and ": " + at.group(0) or ""))
        return 78
    except SystemExit as problem:  # settings that cannot be used, named
        sys.stderr.write("%s\n" % problem)
        return 78
    if rest[:1] == ["--transport-tls"]:
        config["transport_tls"] = (rest[1:] or [""])[0]
    if config["transport_tls"] not in TLS_BY:
        sys.stderr.write("relay: transport_tls is not one of %s\n" % ", ".join(TLS_BY))
        return 64
    try:
        return run(verb, config, rest)
    except ServiceRefused as problem:
        sys.stderr.write("relay: %s\n" % problem)
        return 75 if problem.kind == TEMPORARY else 69
    except (OSError, IOError, ValueError) as problem:
        # a port in use, a spool of another user, a key that is gone
        sys.stderr.write("relay: %s\n" % safe_text(problem))
        return 69
    except SystemExit as problem:
        sys.stderr.write("%s\n" % problem)
        return 69


def run(verb, config, rest):
    """Run a verb; return its exit code. Errors: Refused, OSError, ValueError, SystemExit."""
    if verb == "sendmail":
        return sendmail(config, rest)
    if verb == "status":
        return status(config)
    if verb == "serve":
        return serve(config)
    os.umask(0o077)
    if verb == "certificate":
        return make_first(config)
    made, left = renew(config)
    print("relay: %s is in use; the one before it stays as the fall-back" % made["certificate_file"])
    if left:
        print("relay: still registered, and without a key: %s" % ", ".join(left))
    return 0
