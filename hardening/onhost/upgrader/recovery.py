"""The verb `recover`: rolls back what nobody carries out any more."""

from hardening.onhost.shared.init import init_system
from hardening.onhost.upgrader.locking import is_running, take_runner_lock
from hardening.onhost.upgrader.lost import give_up, lost_words, taken_away
from hardening.onhost.upgrader.record import unfinished
from hardening.onhost.upgrader.rollback import roll_back
from hardening.onhost.upgrader.runner import RETRIES, spawn, undo_until_done
from hardening.onhost.upgrader.tidying import tidy_all


def boot_reason(up):
    """Return the reason for a rollback at boot."""
    return "the host went down during %s" % up.state()


def do_recover(host, request):
    """Lead back what nobody carries out any more: at boot files first, everything when services are up."""
    up = unfinished(host)
    if up is None:
        if not is_running(host):
            tidy_all(host)
        words = lost_words(host)
        return {"changed": False, "state": "lost" if words else "nothing", "msg": "".join(words)}
    if is_running(host):
        return {"changed": False, "state": up.state(), "id": up.name}
    descriptor = take_runner_lock(host)
    if descriptor is None:
        return {"changed": False, "state": up.state(), "id": up.name}
    if taken_away(up):
        up.known = up.manifest()
        give_up(host, up)
        return {"changed": True, "state": "lost", "msg": lost_words(host)[0]}
    if request.get("boot"):
        host.lock(wait=None)
        roll_back(host, up, boot_reason(up), boot=True)
    elif (
        init_system() == "sysv"
    ):  # what starts after us may be what the way back waits for: do not hold up the boot
        spawn(host, up, boot_reason(up), descriptor)
    else:
        undo_until_done(host, up, boot_reason(up), tries=len(RETRIES))
    return {"changed": True, "state": up.state(), "id": up.name}
