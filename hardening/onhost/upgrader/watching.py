"""The verb `watch`: waits for news."""

import os
import time
import zlib

from hardening.onhost.shared.files import remove
from hardening.onhost.shared.texts import b64, clock
from hardening.onhost.upgrader.locking import is_running
from hardening.onhost.upgrader.lost import upgrade_named
from hardening.onhost.upgrader.ordering import do_order
from hardening.onhost.upgrader.orders import order_of
from hardening.onhost.upgrader.record import FINAL
from hardening.onhost.upgrader.runner import DIED, spawn
from hardening.onhost.upgrader.tidying import tidy_upgrade

LOG_ROOM = 4 * 1024 * 1024  # of the installer's log in one answer
NEWS = 1.0  # seconds for which news is gathered before the answer


def do_watch(host, request):
    """Wait until there is news, at most `wait` seconds; return events, the next piece of the log, the result."""
    up = upgrade_named(host, request["id"])
    deadline, known = clock() + float(request.get("wait", 10)), int(request.get("after", 0))
    offset, until = int(request.get("offset", 0)), request.get("until") or []
    while True:
        touch(up.path("beat"))
        follow_late_order(host, up)
        events, state = up.events(), up.state()
        size = log_size(up)
        if state in FINAL + ("broken",) or state in until:
            break
        if (
            len(events) > known or size > offset
        ):  # news: wait a moment for more, every question costs a process here
            deadline = min(deadline, clock() + NEWS)
        if not is_running(host):
            spawn(host, up, DIED)  # if it just ended, there is nothing to roll back
        if clock() >= deadline:
            break
        time.sleep(0.05)
    text = b""
    if size > offset:
        handle = open(up.path("install.log"), "rb")
        try:
            handle.seek(offset)
            text = handle.read(LOG_ROOM)
        finally:
            handle.close()
    answer = {
        "changed": False,
        "id": up.name,
        "state": state,
        "events": events[known:],
        "alive": is_running(host),
    }
    answer.update(log=b64(zlib.compress(text, 6)) if text else "", offset=offset + len(text), size=size)
    if request.get("audited"):
        answer["audited"] = up.manifest().get("audited")
    if state in FINAL and not answer["alive"]:
        tidy_upgrade(host, up)
    if state in FINAL + ("broken",):
        answer["result"] = up.load_json("result.json", {})
    return answer


def follow_late_order(host, up):
    """Carry out an order to roll back that came too late for the runner to read: it had just committed."""
    order = order_of(up)
    if order and order["do"] == "rollback" and up.state() == "committed" and not is_running(host):
        remove(up.path("order"))
        do_order(host, dict(order, id=up.name))


def log_size(up):
    """Return how long the installer's log is."""
    try:
        return os.path.getsize(up.path("install.log"))
    except OSError:
        return 0


def touch(path):
    """Let the runner see that somebody is there."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
    os.close(descriptor)
    os.utime(path, None)
