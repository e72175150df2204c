"""The upgrader: answers one request, streamed or on the command line."""

import json
import platform
import sys

from hardening.onhost.shared.errors import Failed, Refused, explained, place_of_failure
from hardening.onhost.shared.host import STATE, Host
from hardening.onhost.upgrader.beginning import do_begin
from hardening.onhost.upgrader.ordering import do_order
from hardening.onhost.upgrader.preflight import do_look
from hardening.onhost.upgrader.record import UPGRADER, Untrusted
from hardening.onhost.upgrader.recovery import do_recover
from hardening.onhost.upgrader.status import do_status
from hardening.onhost.upgrader.verify import do_verify
from hardening.onhost.upgrader.watching import do_watch

VERBS = {
    "look": do_look,
    "begin": do_begin,
    "watch": do_watch,
    "order": do_order,
    "status": do_status,
    "verify": do_verify,
    "recover": do_recover,
}


def answer_to(request):
    """Return the answer to one request; every failure is an answer too."""
    verb = request.get("verb")
    base = {"verb": verb, "upgrader": UPGRADER, "python": platform.python_version(), "failed": False}
    try:
        if verb not in VERBS:
            raise Refused("unknown verb %s" % verb)
        host = Host(request.get("root") or "/", request.get("state") or STATE)
        return dict(base, **dict((str(key), value) for key, value in VERBS[verb](host, request).items()))
    except (Refused, Failed, OSError, IOError):
        problem = sys.exc_info()[1]
        text = explained(problem) if isinstance(problem, (OSError, IOError)) else str(problem)
        answer = dict(base, failed=True, changed=False, state="refused", msg=text)
        return dict(answer, untrusted=True) if isinstance(problem, Untrusted) else answer
    except (KeyError, TypeError, ValueError, AttributeError):
        message = "the request is not well formed: %s (%s)" % (sys.exc_info()[1], place_of_failure())
        return dict(base, failed=True, changed=False, state="refused", msg=message)


def main():
    """Answer the request on the command line; return the exit code."""
    words = sys.argv[1:]
    request = {"verb": words.pop(0) if words else "status"}
    while words:
        word = words.pop(0).lstrip("-")
        request[word] = True if word in ("boot", "force") else words.pop(0)
    answer = answer_to(request)
    sys.stdout.write(json.dumps(answer, sort_keys=True, indent=1) + "\n")
    return 6 if answer["failed"] else 0
