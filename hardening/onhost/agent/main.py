"""The agent: answers one request, streamed or on the command line."""

import json
import os
import platform
import signal
import sys

from hardening.onhost.agent.applying import VERSION, do_apply, do_check
from hardening.onhost.agent.closing import do_watch
from hardening.onhost.agent.facts import do_facts
from hardening.onhost.agent.installation import do_uninstall
from hardening.onhost.agent.rollback import do_confirm, do_rollback
from hardening.onhost.agent.status import do_status
from hardening.onhost.agent.undoing import recover
from hardening.onhost.agent.verify import do_verify
from hardening.onhost.shared.errors import Refused, explained, place_of_failure, raise_stopped
from hardening.onhost.shared.host import STATE, Host
from hardening.onhost.shared.texts import shown

VERBS = {
    "facts": (do_facts, False),
    "status": (do_status, False),
    "check": (do_check, False),
    "verify": (do_verify, False),
    "watch": (do_watch, False),
    "apply": (do_apply, True),
    "confirm": (do_confirm, True),
    "rollback": (do_rollback, True),
    "uninstall": (do_uninstall, True),
    "recover": (lambda host, request: {"recovered": recover(host, bool(request.get("boot")))}, True),
}


def answer_to(request):
    """Return the answer to one request; every failure is an answer too."""
    verb = request.get("verb")
    base = {"verb": verb, "agent": VERSION, "python": platform.python_version(), "failed": False}
    if verb not in VERBS:
        return dict(base, failed=True, state="refused", changed=False, msg="unknown verb %s" % verb)
    function, locks = VERBS[verb]
    if verb in ("rollback", "uninstall") and request.get("check"):
        locks = False  # check mode writes nothing, not even the lock
    host = None
    try:
        host = Host(request.get("root") or "/", request.get("state") or STATE)
        if locks:
            if verb in ("recover", "rollback", "confirm", "uninstall") and not os.path.isdir(host.state):
                return dict(
                    base, changed=False, state="nothing", recovered=[], msg="no change was ever applied here"
                )
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, raise_stopped)
            signal.signal(signal.SIGHUP, signal.SIG_IGN)
            host.lock()
        plan = request.get("plan", request) if verb in ("apply", "check", "verify") else request
        return dict(base, **dict((str(key), value) for key, value in function(host, plan).items()))
    except Refused:
        reason = str(sys.exc_info()[1])
        reason = host.masked(reason) if host is not None else reason  # a directory that cannot be ours
        return dict(base, failed=True, changed=False, state="refused", msg=reason)
    except (OSError, IOError):
        reason = explained(sys.exc_info()[1])
        return dict(base, failed=True, changed=False, state="refused", msg=reason)
    except (KeyError, TypeError, ValueError):
        message = "the request is not well formed: %s (%s)" % (sys.exc_info()[1], place_of_failure())
        return dict(base, failed=True, changed=False, state="refused", msg=message)


def main():
    """Answer the request on the command line; return the exit code."""
    words = sys.argv[1:]
    request = {"verb": words.pop(0) if words else "status"}
    while words:
        word = words.pop(0).lstrip("-")
        request[word] = True if word in ("boot", "check", "force") else words.pop(0)
    if request["verb"] in ("apply", "check", "verify"):
        request["plan"] = json.loads(shown(sys.stdin.read()))
    answer = answer_to(request)
    sys.stdout.write(json.dumps(answer, sort_keys=True, indent=1) + "\n")
    beside = os.path.join(os.path.dirname(os.path.abspath(sys.argv[0])), "upgrade.pyz")
    if request["verb"] == "recover" and os.path.exists(beside):
        sys.stdout.flush()
        os.closerange(3, 1024)  # the lock is one of them, and the upgrade around the transactions wants it
        os.execv(sys.executable, [sys.executable, beside] + sys.argv[1:])  # noqa: S606 - our own file
    return 6 if answer["failed"] else 0
