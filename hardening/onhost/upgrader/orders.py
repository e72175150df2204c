"""Orders of the control machine, and the wait for them."""

import os
import time

from hardening.onhost.shared.errors import Failed
from hardening.onhost.shared.files import remove
from hardening.onhost.shared.texts import clock
from hardening.onhost.upgrader.lost import TAKEN, has_record
from hardening.onhost.upgrader.settling import commit, settle


def order_of(up):
    """Return the control machine's order that nobody carried out yet, or None."""
    return up.load_json("order")


def await_orders(host, up):
    """Do what the control machine orders; without a word from it within the time limit, give up."""
    limit = up.manifest()["deadman"]
    seen, deadline = beat(up), clock() + limit
    while True:
        if not has_record(up):
            raise Failed(TAKEN)
        order = order_of(up)
        if order is not None:
            remove(up.path("order"))
            if order["do"] == "rollback":
                raise Failed(order.get("why") or "the control machine asked for it")
            host.lock(wait=None)
            if order["do"] == "settle":
                settle(host, up)
            elif order["do"] == "commit":
                commit(host, up)
                return
            host.unlock()
            deadline = clock() + limit
        if beat(up) != seen:
            seen, deadline = beat(up), clock() + limit
        if clock() > deadline:
            raise Failed("the control machine did not come back within %d seconds" % limit)
        time.sleep(0.05)


def beat(up):
    """Return something that changes whenever the control machine asks."""
    try:
        return os.stat(up.path("beat")).st_mtime
    except OSError:
        return None
