"""The detached process that carries out an upgrade, and its supervisor, which rolls back."""

import errno
import os
import signal
import sys
import time

from hardening.onhost.shared.boot import boot_id, ticks
from hardening.onhost.shared.errors import Failed, Refused, Stopped, place_of_failure, raise_stopped
from hardening.onhost.shared.host import Host, plan_path
from hardening.onhost.shared.texts import shown
from hardening.onhost.upgrader.backup import back_up_host
from hardening.onhost.upgrader.installer import run_installer
from hardening.onhost.upgrader.locking import take_runner_lock
from hardening.onhost.upgrader.lost import give_up, taken_away
from hardening.onhost.upgrader.orders import await_orders
from hardening.onhost.upgrader.record import FINAL, Upgrade
from hardening.onhost.upgrader.rollback import roll_back
from hardening.onhost.upgrader.services import enter_maintenance, start_again
from hardening.onhost.upgrader.tidying import tidy_upgrade

DIED = "the upgrade's process died"
RETRIES = (1, 2, 4, 8, 16, 32, 60)


def spawn(host, up, task, descriptor=None):
    """Leave a detached process behind that does `task`, and one above it that undoes when it dies."""
    if descriptor is None:
        descriptor = take_runner_lock(host)
    if descriptor is None:
        return False
    child = os.fork()
    if child:
        os.waitpid(child, 0)
        os.close(descriptor)
        return True
    try:
        os.setsid()
        if os.fork():
            os._exit(0)
        for number in (signal.SIGHUP, signal.SIGPIPE):
            signal.signal(number, signal.SIG_IGN)
        null = os.open(os.devnull, os.O_RDWR)
        for target in (0, 1, 2):
            os.dup2(null, target)
        for one in range(3, 1024):
            if one != descriptor:
                try:
                    os.close(one)
                except OSError:
                    pass
        os.chdir("/")
        fresh = Host(shown(host.root), plan_path(host, host.state))
        supervise(fresh, Upgrade(fresh, up.name), task)
    finally:
        os._exit(0)


def attempt(function, *arguments):
    """Run a function in a process of its own; return how it ended."""
    worker = os.fork()
    if worker:
        while True:
            try:
                return os.waitpid(worker, 0)[1]
            except OSError:
                if sys.exc_info()[1].errno != errno.EINTR:
                    raise
    code = 1
    try:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, raise_stopped)
        function(*arguments)
        code = 0
    finally:
        os._exit(code)


def supervise(host, up, task):
    """Let a worker do the task; if it dies, roll the host back, for as long as it takes."""
    up.known = up.manifest()
    if task == "carry":
        attempt(carry, host, up)
        if up.state() in FINAL:
            tidy_upgrade(host, up)
            return
    elif task == DIED and up.state() in FINAL:
        return  # it ended while somebody thought that it had died
    undo_until_done(host, up, DIED if task == "carry" else task)


def undo_until_done(host, up, why, tries=None):
    """Lead the host back, again and again with growing pauses; return whether it is back."""
    count = 0
    up.known = up.manifest() or up.known
    while True:
        if taken_away(up):
            give_up(host, up)
            return False
        attempt(locked_roll_back, host, up, why)
        if up.state() == "rolled-back":
            tidy_upgrade(host, up)
            return True
        count += 1
        if tries is not None and count >= tries:
            return False
        time.sleep(RETRIES[min(count - 1, len(RETRIES) - 1)])


def locked_roll_back(host, up, why):
    """Wait for the agent's lock, and roll the host back."""
    host.lock(wait=None)
    try:
        roll_back(host, up, why)
    finally:
        host.unlock()


def carry(host, up):
    """Carry out the upgrade; any failure rolls the host back."""
    try:
        host.lock(wait=None)
        back_up_host(host, up, "hot")
        up.record("backedup")
        enter_maintenance(host, up)
        back_up_host(host, up, "cold")
        run_installer(host, up)
        start_again(up)
        up.record("installed", ticks=ticks(), boot=boot_id())
        host.unlock()
        await_orders(host, up)
    except BaseException:
        problem = sys.exc_info()[1]
        if up.state() == "committed":
            os._exit(1)  # only tidying up failed; the supervisor does it again
        why = str(problem) or problem.__class__.__name__
        if not isinstance(problem, (OSError, IOError, Failed, Refused, Stopped)):
            why += " (%s)" % place_of_failure()
        if host.descriptor is None:
            host.lock(wait=None)
        try:
            roll_back(host, up, why)
        finally:
            host.unlock()
        if up.state() not in FINAL:
            os._exit(1)
