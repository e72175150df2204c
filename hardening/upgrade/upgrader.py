# -*- coding: utf-8 -*-
"""The upgrade's own half on the host: one file, standard library, Python 2.6 to 3.14, beside the agent.

It is streamed together with `hardening/host/agent.py` (`hardening.upgrade.carry`), whose transactions, journal and
file handling it uses, or run where it was installed:

    upgrade.py status|recover [--boot] [--state DIR]

A process of its own, detached from any connection, carries the upgrade out, so that neither a lost connection nor a
dead control machine ends it half way:

    begin -> backup (hot) -> maintenance -> backup (cold) -> install -> services started -> wait for the control
          machine, which configures -> settle (restarts, maintenance off, probes) -> wait for its proof -> commit

and, from wherever it stopped, back: declared paths, database, transactions made meanwhile, services; verified.
Each step is in the journal, on disk, before it begins. Until "committed" is there, whoever comes next (the
supervisor within a second, the boot, the control machine's next question, the time limit) leads the host back.

A recipe is a JSON object (`hardening.upgrade.recipe` makes it); its commands may name {root} {work} {bundle}
{release} {python} {mysql} {mysqldump}. Requests: look, begin, watch, order, status, verify, recover; see VERBS.

It is one file because it has to run where nothing is installed; its sections, in order:

    one upgrade and its record
    the one runner
    what can no longer be led back
    orders of the control machine
    backup
    the database
    maintenance and services
    the installer
    what the installer left running
    the bundle unpacked
    settle and commit
    the tree, before and after
    back
    verbs: look
    verbs: begin, and who stands for the bundle
    verbs: watch and order
    verbs: status and verify
    verbs: recover, and the answer to a request
"""

import errno
import fcntl
import json
import os
import platform
import pwd
import re
import select
import shutil
import signal
import stat
import subprocess
import sys
import syslog
import tarfile
import time
import traceback
import zipfile
import zlib

try:
    import aspect_agent as agent
except ImportError:  # installed: the agent lies beside this file
    sys.dont_write_bytecode = True
    sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
    import agent

VERSION = 1
STAGES = ("begun", "backedup", "maintenance", "installing", "installed", "settling", "settled")
FINAL = ("committed", "rolledback")
LOG_ROOM = 4 * 1024 * 1024  # of the installer's log in one answer
LINE_ROOM = 65536
NEWS = 1.0  # seconds for which news is gathered before it is told
BALLAST = 4 * 1024 * 1024  # given back before an undo, so that a full disk does not stop it
DIED = "the upgrade's process died"
TAKEN = "its journal or its copies were taken away"
RETRIES = (1, 2, 4, 8, 16, 32, 60)
NOISE = (
    "/proc",
    "/sys",
    "/dev",
    "/run",
    "/tmp",
    "/var/tmp",
    "/var/log",
    "/var/run",
    "/var/cache",
    "/var/lib/mysql",
)
CLIENTS = (
    ("{mysql}", ("mysql", "mariadb")),
    ("{mysqldump}", ("mysqldump", "mariadb-dump")),
)  # newer hosts lack the old names
COUNTER = re.compile(b" AUTO_INCREMENT=[0-9]+")  # a restart of the database sets it back by itself
TRUST = "/etc/aspect-hardening/trust"
MARK = "ASPECT_UPGRADE_TOKEN"  # in the environment of the installer and of all that it starts
Failed, Refused = agent.Failed, agent.Refused


# -- one upgrade and its record -----------------------------------------------------------------------


class Untrusted(Refused):
    """The bundle is not one that the keys of this host stand for."""


class Upgrade(agent.Transaction):
    """One upgrade's directory: manifest, journal, copies, the installer's log."""

    known = None  # the manifest, for when it is taken away

    def __init__(self, host, name):
        agent.Transaction.__init__(self, host, name)
        self.dir = os.path.join(host.state, "upgrade", agent.native(name))

    def state(self):
        """Return the last state in the journal, or `none`."""
        state = "none"
        for line in self.events():
            if line["event"] in STAGES + FINAL + ("rollingback", "broken"):
                state = line["event"]
        return state

    def reached(self, event):
        """Whether the journal has such a line."""
        return event in [line["event"] for line in self.events()]

    def reached_since(self, event, marks):
        """Whether the journal has such a line after the last one of `marks`."""
        names = [line["event"] for line in self.events()]
        last = max([index for index, name in enumerate(names) if name in marks] or [-1])
        return event in names[last + 1 :]

    def recipe(self):
        """Return the recipe that came with the bundle's name."""
        return self.manifest()["recipe"]

    def fill(self, argv):
        """Return a command with its placeholders filled."""
        manifest = self.manifest()
        words = {
            "{root}": agent.shown(self.host.root).rstrip("/"),
            "{work}": agent.shown(self.path("work")),
            "{bundle}": agent.shown(self.path("bundle")),
            "{release}": manifest["release"],
            "{python}": sys.executable,
        }
        filled = []
        for word in argv:
            for name, value in words.items():
                word = word.replace(name, value)
            for name, programs in CLIENTS:
                if name in word:
                    word = word.replace(name, first_here(programs))
            filled.append(word)
        return filled

    def matchers(self):
        """Return what stands before a line, and the messages of the control machine that stop an upgrade."""
        if not hasattr(self, "_compiled"):
            said = self.manifest().get("stop") or {}
            prefix = re.compile(said["prefix"], re.VERBOSE) if said.get("prefix") else None
            self._compiled = (
                prefix,
                [(row["id"], re.compile(row["regex"])) for row in said.get("patterns", [])],
            )
        return self._compiled

    def keep_json(self, leaf, value):
        """Write one of its files whole and durably."""
        agent.replace(self.path(leaf), json.dumps(value, sort_keys=True).encode("ascii"))

    def load_json(self, leaf, default=None):
        """Return what `keep_json` wrote."""
        try:
            return json.loads(agent.read(self.path(leaf)).decode("ascii"))
        except (OSError, IOError, ValueError):
            return default


def first_here(programs):
    """Return the first of some names of a program that this host has; the first of all where it has none."""
    return ([one for one in programs if agent.which(one)] or programs)[0]


def upgrades(host):
    """Return every upgrade of this host, oldest first."""
    try:
        names = sorted(os.listdir(os.path.join(host.state, "upgrade")))
    except OSError:
        if sys.exc_info()[1].errno not in (errno.ENOENT, errno.ENOTDIR):
            raise  # what this account may not see is not nothing
        names = []
    found = [Upgrade(host, name) for name in names]
    return [one for one in found if os.path.exists(one.path("manifest"))]


def unfinished(host):
    """Return the upgrade that is under way or left half done, or None."""
    for one in reversed(upgrades(host)):
        if one.state() not in FINAL + ("none",):
            return one
    return None


def installed_record(host):
    """Return what upgrades have installed here: {products: {name: {release, created}}, latest}."""
    try:
        return json.loads(agent.read(os.path.join(host.state, "upgrade-installed.json")).decode("ascii"))
    except (OSError, IOError, ValueError):
        return {"products": {}, "latest": None, "forced": []}


# -- the one runner ----------------------------------------------------------------------------------


def grip(host):
    """Take the runner's lock; return its descriptor, or None when a runner lives."""
    agent.make_dirs(host.state)
    agent.make_dirs(os.path.join(host.state, "upgrade"))
    path = os.path.join(host.state, "runner.lock")
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.fcntl(descriptor, fcntl.F_SETFD, fcntl.FD_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return descriptor
    except (OSError, IOError):
        os.close(descriptor)
        return None


def alive(host):
    """Whether a runner lives on this host; nothing is written."""
    try:
        descriptor = os.open(os.path.join(host.state, "runner.lock"), os.O_RDWR)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return False
    except (OSError, IOError):
        return True
    finally:
        os.close(descriptor)


def idle(host, patience=15):
    """Wait until a runner that has just ended has tidied up; return whether it is gone. `patience` is in seconds."""
    deadline = agent.clock() + patience
    while alive(host):
        if agent.clock() >= deadline:
            return False
        time.sleep(0.05)
    return True


def spawn(host, up, task, descriptor=None):
    """Leave a detached process behind that does `task`, and one above it that undoes when it dies."""
    if descriptor is None:
        descriptor = grip(host)
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
        fresh = agent.Host(agent.shown(host.root), agent._plan_path(host, host.state))
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
            signal.signal(number, agent._stop)
        function(*arguments)
        code = 0
    finally:
        os._exit(code)


def supervise(host, up, task):
    """Let a worker do the task; when it dies, lead the host back, for as long as it takes."""
    up.known = up.manifest()
    if task == "carry":
        attempt(carry, host, up)
        if up.state() in FINAL:
            tidy(host, up)
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
        if up.state() == "rolledback":
            tidy(host, up)
            return True
        count += 1
        if tries is not None and count >= tries:
            return False
        time.sleep(RETRIES[min(count - 1, len(RETRIES) - 1)])


def locked_roll_back(host, up, why):
    """Take the agent's lock, whoever has it will give it back, and lead the host back."""
    host.lock(wait=None)
    try:
        roll_back(host, up, why)
    finally:
        host.unlock()


def carry(host, up):
    """Carry the upgrade out; a failure anywhere is led back here."""
    try:
        host.lock(wait=None)
        back_up(host, up, "hot")
        up.record("backedup")
        enter_maintenance(host, up)
        back_up(host, up, "cold")
        install(host, up)
        start_again(up)
        up.record("installed", ticks=ticks(), boot=boot_id())
        host.unlock()
        await_orders(host, up)
    except BaseException:
        problem = sys.exc_info()[1]
        if up.state() == "committed":
            os._exit(1)  # only tidying up failed; the supervisor does it again
        why = str(problem) or problem.__class__.__name__
        if not isinstance(problem, (OSError, IOError, Failed, Refused, agent.Stopped)):
            why += " (%s)" % traceback.format_exc().strip().splitlines()[-3].strip()
        if host.descriptor is None:
            host.lock(wait=None)
        try:
            roll_back(host, up, why)
        finally:
            host.unlock()
        if up.state() not in FINAL:
            os._exit(1)


# -- what can no longer be led back -------------------------------------------------------------------


def written(up):
    """Whether an upgrade's manifest and journal are there."""
    return not (absent(up.path("manifest")) or absent(up.path("journal")))


def absent(path):
    """Whether a path is not there; one that the disk cannot show just now is not absent."""
    try:
        os.lstat(path)
        return False
    except OSError:
        return sys.exc_info()[1].errno in (errno.ENOENT, errno.ENOTDIR)


def taken_away(up):
    """Whether what leads an upgrade back is gone: its journal, its manifest, or the copies of what its installer changed."""
    if not written(up):
        return True
    copies = [os.path.join(up.path(kind), "index") for kind in ("cold", "hot")]
    return up.reached("installing") and all([absent(path) for path in copies])


def give_up(host, up):
    """End an upgrade that nothing can lead back any more, and leave a word that every later question finds.

    Services and the maintenance flag stay as they are: nobody knows what of the product is there.
    """
    known = up.known or {}
    end_leftovers(up, known)
    place = os.path.join(host.state, "upgrade-lost")
    why = (
        "%s while it was under way, so that it can neither be finished nor led back, and nobody knows what it left half done; "
        "see to this host, then remove %s" % (TAKEN, agent._plan_path(host, place))
    )
    row = {"id": up.name, "state": "lost", "why": why, "since": agent.stamp(), "later": False}
    row.update(dict((key, known.get(key, "")) for key in ("product", "release", "by", "begun")))
    if host.root == "/":
        syslog.openlog("aspect-hardening")
        syslog.syslog(syslog.LOG_CRIT, "upgrade %s to %s: %s" % (up.name, row["release"], why))
    time.sleep(0.5)
    if os.path.isdir(up.dir):  # whatever is left of it is a person's now
        os.rename(up.dir, os.path.join(host.state, "lost-" + os.path.basename(up.dir)))
    for _ in range(10):  # who takes the folder away may still be at it
        agent.make_dirs(host.state)
        agent.gone(os.path.join(host.state, "upgrade-open"))
        agent.replace(place, json.dumps(row, sort_keys=True).encode("ascii"))
        time.sleep(0.5)
        if os.path.exists(place):
            break


def lost(host):
    """Return what `give_up` left, as `status` says it, or None."""
    try:
        return json.loads(agent.read(os.path.join(host.state, "upgrade-lost")).decode("ascii"))
    except (OSError, IOError, ValueError):
        return None


def lost_words(host):
    """Return what has to be said of an upgrade that was given up, as a list of at most one text."""
    row = lost(host)
    return ["upgrade %s to %s is lost: %s" % (row["id"], row["release"] or "?", row["why"])] if row else []


# -- orders of the control machine -------------------------------------------------------------------


def order_of(up):
    """Return the control machine's order that nobody carried out yet, or None."""
    return up.load_json("order")


def await_orders(host, up):
    """Do what the control machine orders; without a word from it within the time limit, give up."""
    limit = up.manifest()["deadman"]
    seen, deadline = beat(up), agent.clock() + limit
    while True:
        if not written(up):
            raise Failed(TAKEN)
        order = order_of(up)
        if order is not None:
            agent.gone(up.path("order"))
            if order["do"] == "rollback":
                raise Failed(order.get("why") or "the control machine asked for it")
            host.lock(wait=None)
            if order["do"] == "settle":
                settle(host, up)
            elif order["do"] == "commit":
                commit(host, up)
                return
            host.unlock()
            deadline = agent.clock() + limit
        if beat(up) != seen:
            seen, deadline = beat(up), agent.clock() + limit
        if agent.clock() > deadline:
            raise Failed("the control machine did not come back within %d seconds" % limit)
        time.sleep(0.05)


def beat(up):
    """Return something that changes whenever the control machine asks."""
    try:
        return os.stat(up.path("beat")).st_mtime
    except OSError:
        return None


# -- backup ------------------------------------------------------------------------------------------


def back_up(host, up, kind):
    """Copy the declared paths, dump the database, list packages and the tree; every copy is read back."""
    if kind == "cold" and not up.recipe()["backup_again"]:
        record_tree(host, up)
        return
    folder = up.path(kind)
    agent.gone(folder)
    os.mkdir(folder, 0o700)
    index = []
    problems = through_links(host, up.recipe())
    if problems:
        raise Failed("; ".join(problems))
    for number, path in enumerate(up.recipe()["paths"]):
        index.append(
            {"path": path, "entries": copied(host.place(path), os.path.join(folder, "path.%d" % number))}
        )
    made = {"paths": index, "packages": packages(host, up), "services": running(up)}
    if kind == "cold":
        made["services"] = best_copy(up)[1]["services"]  # the maintenance mode has stopped them
    made["version"] = version_of(host, up.recipe())
    if up.recipe().get("database"):
        made["dump"] = dump(up, os.path.join(folder, "dump"))
    agent._libc().sync()
    agent.replace(os.path.join(folder, "index"), json.dumps(made, sort_keys=True).encode("ascii"))
    size = sum(row[1].get("size", 0) for one in index for row in one["entries"])
    up.record("copied", kind=kind, paths=len(index), bytes=size, dump=made.get("dump"))
    if kind == "cold":
        agent.gone(up.path("hot"))
        record_tree(host, up)


def best_copy(up):
    """Return the folder and index of the newest complete backup, or (None, None)."""
    for kind in ("cold", "hot"):
        try:
            text = agent.read(os.path.join(up.path(kind), "index")).decode("ascii")
            return up.path(kind), json.loads(text)
        except (OSError, IOError, ValueError):
            continue
    return None, None


def listed(path):
    """Return everything at and below a path as [[relative name, look]], parents first; specials are left out."""
    seen = agent.look(path)
    if seen is None or seen["kind"] == "special":
        return []
    rows = [["", seen]]
    if seen["kind"] != "dir":
        return rows
    for folder, folders, names in os.walk(path):
        folders.sort()
        for name in sorted(folders + names):
            here = os.path.join(folder, name)
            below = agent.look(here)
            if below is not None and below["kind"] != "special":
                rows.append([agent.kept(os.path.relpath(here, path)), below])
    return rows


def through_links(host, recipe):
    """Return a problem for each declared path that is a link to something undeclared: only the link would be put back."""
    places = [(path, host.place(path)) for path in recipe["paths"]]
    whole = [os.path.realpath(place) for _, place in places if not os.path.islink(place)]
    problems = []
    for path, place in places:
        real = os.path.realpath(place)
        if os.path.islink(place) and not below(real, whole):
            problems.append(
                "%s is a symbolic link to %s, which would not be put back: name that in the recipe's paths too"
                % (path, agent.shown(agent._plan_path(host, real)))
            )
    return problems


def copied(path, target):
    """Copy the contents of a path; return its listing. Errors: Failed when a copy does not match."""
    rows = listed(path)
    if [row for row in rows if row[1]["kind"] == "file"]:
        os.mkdir(target, 0o700)
    for number, (name, seen) in enumerate(rows):
        if seen["kind"] == "file":
            place = os.path.join(target, "%d" % number)
            agent.copy_file(os.path.join(path, agent.native(name)) if name else path, place)
            again = agent.sha256(agent.read(place))
            if again != seen["sha256"]:
                raise Failed("the copy of %s does not match it" % shown_below(path, name))
    return rows


def shown_below(path, name):
    """Return what is said of something below a declared path: a name that is not UTF-8 is no text for a report."""
    return agent.shown(os.path.join(agent.native(path), agent.native(name)) if name else agent.native(path))


def packages(host, up):
    """Return the installed packages, sorted, as this host's package manager names them."""
    argv = up.recipe().get("packages")
    if argv:
        code, output = agent.run(up.fill(argv), 120)
    elif host.root != "/":
        return []
    elif agent.which("rpm"):
        code, output = agent.run(["rpm", "-qa"], 120)
    elif agent.which("dpkg-query"):
        code, output = agent.run(["dpkg-query", "-W", "-f", "${Package} ${Version} ${Status}\n"], 120)
    else:
        return []
    if code != 0:
        raise Failed("the list of packages could not be made (exit %d)" % code)
    return sorted(line for line in output.splitlines() if line.strip())


# -- the database -------------------------------------------------------------------------------------


def stop_line(up, text):
    """Return the id of the known message that makes this line stop an upgrade, or None."""
    prefix, patterns = up.matchers()
    text = prefix.sub("", text, 1) if prefix is not None else text
    for name, pattern in patterns:
        if pattern.search(text):
            return name
    return None


def dump(up, path):
    """Dump the database to a file that is checked; return {size, sha256}. Errors: Failed."""
    database = up.recipe()["database"]
    code, said = piped(up.fill(database["dump"]), None, path, database.get("timeout", 3600))
    for line in said.splitlines():
        known = stop_line(up, line)
        if known:
            raise Failed("the database dump is incomplete: its program said what log/%s means" % known)
    if code != 0:
        raise Failed("the database dump failed: %s exited %d" % (database["dump"][0], code))
    last, size = "", os.path.getsize(path)
    handle = open(path, "rb")
    try:
        handle.seek(max(0, size - LINE_ROOM))
        for line in handle.read().splitlines():
            last = line if line.strip() else last
    finally:
        handle.close()
    if not size or not re.search(database["complete"], agent.shown(last) if last else ""):
        raise Failed("the database dump is incomplete: its last line is not the one of a whole dump")
    descriptor = os.open(path, os.O_RDONLY)
    os.fsync(descriptor)
    os.close(descriptor)
    return {"size": size, "sha256": dump_digest(path, database)}


def dump_digest(path, database):
    """Return a digest of a dump without the lines that differ from dump to dump (times, host names)."""
    ignore = re.compile(database.get("ignore") or "^-- ")
    digest = agent.hashlib.sha256()
    handle = open(path, "rb")
    try:
        for line in handle:
            if not ignore.search(agent.shown(line)):
                digest.update(COUNTER.sub(b"", line))
    finally:
        handle.close()
    return digest.hexdigest()


def piped(argv, source, target, timeout):
    """Run a program with a file on one side; return (exit code, what it said beside)."""
    environment = dict(
        os.environ, LC_ALL="C", HOME=pwd.getpwuid(os.getuid()).pw_dir
    )  # where ~/.my.cnf lies, at boot too
    environment["PATH"] = environment.get("PATH", "") + ":/usr/sbin:/sbin:/usr/bin:/bin"
    take = open(source or os.devnull, "rb")
    if target:
        agent.gone(target)  # what an attempt that was cut off left
    give = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600) if target else None
    reader, writer = os.pipe()
    try:
        child = subprocess.Popen(
            [agent.native(word) for word in argv],
            stdin=take,
            stdout=writer if give is None else give,
            stderr=writer,
            close_fds=True,
            preexec_fn=agent._fresh,
            cwd="/",
            env=environment,
        )
    except (OSError, IOError):
        os.close(reader)
        return 127, str(sys.exc_info()[1])
    finally:
        os.close(writer)
        take.close()
        if give is not None:
            os.close(give)
    chunks, deadline = [], agent.clock() + timeout
    try:
        while True:
            ended = child.poll() is not None
            if select.select([reader], [], [], 0 if ended else 0.02)[0]:
                chunk = os.read(reader, 65536)
                if chunk and len(chunks) < 64:
                    chunks.append(chunk)
                if not chunk:
                    child.wait()
                    break
            elif ended:
                break
            if agent.clock() > deadline:
                os.killpg(child.pid, signal.SIGKILL)
                child.wait()
                return 124, "no end within %s s" % timeout
    finally:
        os.close(reader)
    return child.returncode, agent.shown(b"".join(chunks))


# -- maintenance and services ------------------------------------------------------------------------


def service_argv(up, service, action):
    """Return the command for one action on a service: the recipe's own, or the init system's."""
    key = "restart_with" if action == "restart" else action  # `restart` itself says when
    if service.get(key):
        return up.fill(service[key])
    name = service["name"]
    if agent.init_system() == "systemd":
        return ["systemctl", "is-active" if action == "status" else action, name]
    return [agent.which("service") or "/sbin/service", name, action]


def is_up(up, service):
    """Whether the service says that it runs."""
    return agent.run(service_argv(up, service, "status"), 60)[0] == 0


def await_down(up, service):
    """Wait until a service that was told to stop is gone: some answer before they are."""
    deadline = agent.clock() + 15
    while is_up(up, service) and agent.clock() < deadline:
        time.sleep(0.1)


def running(up):
    """Return the names of the recipe's services that run."""
    return [one["name"] for one in up.recipe()["services"] if is_up(up, one)]


def fallen(up, names):
    """Return those of the named services that do not run."""
    return [one for one in up.recipe()["services"] if one["name"] in names and not is_up(up, one)]


def enter_maintenance(host, up):
    """Say that the product is in maintenance, and stop what has to be quiet."""
    maintenance = up.recipe()["maintenance"]
    up.record("maintenance")
    if maintenance.get("flag"):
        flag = host.place(maintenance["flag"])
        if not os.path.lexists(flag):
            up.record("flagged")
            agent.make_dirs(os.path.dirname(flag), 0o755)
            agent.write(flag, ("upgrade to %s\n" % up.manifest()["release"]).encode("utf-8"), 0o644)
    if maintenance.get("on"):
        told(up, "maintenance on", up.fill(maintenance["on"]))
    for service in up.recipe()["services"]:
        if service["during"] == "stopped" and is_up(up, service):
            told(up, "stop %s" % service["name"], service_argv(up, service, "stop"))
            await_down(up, service)


def leave_maintenance(host, up):
    """Take the maintenance mode away again; doing it twice is doing it once."""
    maintenance = up.recipe()["maintenance"]
    if maintenance.get("off"):
        told(up, "maintenance off", up.fill(maintenance["off"]))
    if maintenance.get("flag") and up.reached("flagged"):
        agent.gone(host.place(maintenance["flag"]))


def told(up, what, argv, timeout=180):
    """Run a command that has to succeed. Errors: Failed naming it."""
    code, output = agent.run(argv, timeout)
    if code != 0:
        raise Failed("%s: %s exited %d: %s" % (what, argv[0], code, output.strip()[-300:]))


# -- the installer -----------------------------------------------------------------------------------


def install(host, up):
    """Unpack the bundle and run its installer, reading its log as it comes. Errors: Failed."""
    recipe, manifest = up.recipe(), up.manifest()
    if digest_of(up.path("bundle")) != manifest["bundle"]["sha256"]:
        raise Failed("the bundle on this host is no longer the one that was signed")
    os.mkdir(up.path("work"), 0o700)
    if recipe["unpack"]:
        unpack(up.path("bundle"), up.path("work"))
    environment = dict(os.environ, LC_ALL="C", LANG="C")
    environment["PATH"] = environment.get("PATH", "") + ":/usr/sbin:/sbin:/usr/bin:/bin"
    environment["ASPECT_UPGRADE"] = str(up.name)
    environment[MARK] = agent.native(manifest["token"])
    environment["ASPECT_ROOT"] = agent.native(agent.shown(host.root).rstrip("/"))
    environment["ASPECT_RELEASE"] = agent.native(manifest["release"])
    up.record("installing")
    reader, writer = os.pipe()
    null = open(os.devnull, "rb")
    try:
        child = subprocess.Popen(
            [agent.native(word) for word in up.fill(recipe["installer"])],
            stdin=null,
            stdout=writer,
            stderr=writer,
            close_fds=True,
            preexec_fn=agent._fresh,
            cwd=up.path("work"),
            env=environment,
        )
    except (OSError, IOError):
        os.close(reader)
        raise Failed("the installer cannot be started: %s" % sys.exc_info()[1])
    finally:
        os.close(writer)
        null.close()
    session = {"pid": child.pid, "began": began(child.pid), "boot": boot_id()}
    try:
        up.keep_json("session", session)
        why = follow(up, child, reader)
    finally:
        os.close(reader)
        if child.poll() is None:
            end_group(child.pid)
            child.wait()
    up.keep_json("session", dict(session, ended=ticks()))
    if why:
        raise Failed(why)
    if child.returncode != 0:
        how = "exited %d" % child.returncode
        if child.returncode < 0:
            how = "was killed by signal %d" % -child.returncode
        raise Failed("the installer %s" % how)


def follow(up, child, reader):
    """Copy the installer's output to the log and read every line; return why it has to stop, or an empty text."""
    recipe = up.recipe()
    deadline, quiet = agent.clock() + recipe["timeout"], agent.clock()
    rest, number = b"", 0
    log = os.open(up.path("install.log"), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        while True:
            ended = child.poll() is not None
            if select.select([reader], [], [], 0.1 if ended else 0.05)[0]:
                chunk, quiet = os.read(reader, 65536), agent.clock()
                if not chunk:
                    child.wait()
                    return stopped_by(up, number + 1, rest)
                os.write(log, chunk)
                lines = (rest + chunk).split(b"\n")
                rest = lines.pop()[-LINE_ROOM:]
                for line in lines:
                    number += 1
                    why = stopped_by(up, number, line)
                    if why:
                        return why
            elif ended:
                return stopped_by(up, number + 1, rest)
            if agent.clock() > deadline:
                return "the installer did not end within %d seconds" % recipe["timeout"]
            if agent.clock() - quiet > recipe["silence"]:
                return "the installer said nothing for %d seconds" % recipe["silence"]
            if not written(up):
                return TAKEN
            order = order_of(up)
            if order is not None and order["do"] == "rollback":
                agent.gone(up.path("order"))
                return order.get("why") or "the control machine asked for it"
    finally:
        os.fsync(log)
        os.close(log)


def stopped_by(up, number, line):
    """Return why a line of the installer's output stops the upgrade, or an empty text; a carriage return begins it anew."""
    for piece in line.split(b"\r"):
        known = stop_line(up, agent.shown(piece[:8192]))
        if known:
            return "line %d of the installer's log stops the upgrade (log/%s)" % (number, known)
    return ""


def end_group(pid):
    """End a process group, at once."""
    try:
        os.killpg(pid, signal.SIGKILL)
    except OSError:
        pass  # it is gone already


# -- what the installer left running ------------------------------------------------------------------


def end_leftovers(up, manifest=None):
    """End every process that the installer left: one with the upgrade's own token in its environment, or in its session.

    Never by the upgrade's name: two hosts on one machine may have upgrades of one name.
    """
    manifest = manifest if manifest is not None else up.manifest()
    mark = ("%s=%s" % (MARK, manifest.get("token", ""))).encode("ascii") + b"\0"
    session = up.load_json("session") or {}
    for _ in range(3):
        found = []
        for name in os.listdir("/proc"):
            if not name.isdigit() or int(name) == os.getpid():
                continue
            try:
                if mark in agent.read("/proc/%s/environ" % name) + b"\0" or of_session(int(name), session):
                    found.append(int(name))
            except (OSError, IOError):
                continue  # it ended, or is not ours to look at
        for pid in found:
            try:
                os.kill(pid, signal.SIGKILL)
            except OSError:
                continue
        if not found:
            return
        time.sleep(0.05)


def of_session(pid, session):
    """Whether a process is in the installer's session: some have emptied their environment, as `su -` does.

    Numbers come again: only this boot's count, only while the leader is the installer or gone, and only those that
    began while the installer ran.
    """
    row = process(pid)
    if not session or row is None or int(row[3]) != session["pid"] or session["boot"] != boot_id():
        return False
    leader = began(session["pid"])
    return leader in (None, session["began"]) and session["began"] <= int(row[19]) <= session.get(
        "ended", int(row[19])
    )


def process(pid):
    """Return the fields of a process after its name (proc(5), the state first), or None where it is gone."""
    try:
        return agent.shown(agent.read("/proc/%d/stat" % pid)).rpartition(")")[2].split()
    except (OSError, IOError):
        return None


def began(pid):
    """Return when a process began, in the kernel's ticks since the boot, or None where it is gone."""
    row = process(pid)
    return int(row[19]) if row else None


def ticks():
    """Return the kernel's ticks since the boot."""
    return int(float(agent.read("/proc/uptime").split()[0]) * os.sysconf("SC_CLK_TCK")) + 1


def boot_id():
    """Return what tells this boot from others."""
    try:
        return agent.shown(agent.read("/proc/sys/kernel/random/boot_id")).strip()
    except (OSError, IOError):
        return ""


def digest_of(path):
    """Return the SHA-256 of a file, read in pieces."""
    digest = agent.hashlib.sha256()
    handle = open(path, "rb")
    try:
        while True:
            chunk = handle.read(1 << 20)
            if not chunk:
                return digest.hexdigest()
            digest.update(chunk)
    finally:
        handle.close()


# -- the bundle unpacked ------------------------------------------------------------------------------


def unpack(path, target):
    """Unpack a tar (plain, gzip, bzip2) or zip archive below `target` and nowhere else. Errors: Failed."""
    if tarfile.is_tarfile(path):
        _untar(path, target)
    elif zipfile.is_zipfile(path):
        archive = zipfile.ZipFile(path)
        for item in archive.infolist():
            place = inside(target, item.filename)
            mode = item.external_attr >> 16
            if stat.S_ISLNK(mode):
                raise Failed("the bundle holds a link: %s" % item.filename)
            if item.filename.endswith("/"):
                agent.make_dirs(place, 0o755)
                continue
            agent.make_dirs(os.path.dirname(place), 0o755)
            poured(archive.open(item), place, mode & 0o777 or 0o644)
        archive.close()
    else:
        raise Failed("the bundle is neither a tar nor a zip archive that this host's Python can unpack")


def _untar(path, target):
    archive, links = tarfile.open(path), {}
    try:
        items = archive.getmembers()
        for item in items:  # all of it is judged before any of it is written
            inside(target, item.name)
            if not (item.isdir() or item.isreg() or item.issym()):
                raise Failed("the bundle holds %s, which is neither file, folder nor link" % item.name)
            if item.issym():
                if links.setdefault(_normal(item.name), agent.shown(item.linkname)) != agent.shown(
                    item.linkname
                ):
                    raise Failed("the bundle holds two links with the name %s" % item.name)
        followed(links, [(_normal(item.name), item.isdir()) for item in items if not item.issym()])
        for item in items:
            place = inside(target, item.name)
            if item.isdir():
                agent.make_dirs(place, 0o755)
            elif item.isreg():
                agent.make_dirs(os.path.dirname(place), 0o755)
                poured(archive.extractfile(item), place, item.mode & 0o777)
    finally:
        archive.close()
    for name in sorted(links):  # last, so that nothing is written through one
        place = inside(target, name)
        agent.make_dirs(os.path.dirname(place), 0o755)
        os.symlink(agent.native(links[name]), place)


def _normal(name):
    return os.path.normpath(agent.shown(name))


def inside(target, name):
    """Return where a member goes. Errors: Failed when that is outside."""
    clean = _normal(name)
    if clean == ".." or clean.startswith(("/", "../")):
        raise Failed("the bundle wants to write outside its folder: %s" % clean[:200])
    return os.path.join(target, agent.native(clean))


MOST_HOPS = 40


def followed(links, others):
    """Follow each link as the file system would (bundle/walk/links.py holds the same rule). Errors: Failed.

    `links` are targets by name; `others` are (name, whether it is a folder) of all other members.
    """
    folders = set()
    for name, folder in others + [(name, False) for name in links]:
        parent = name if folder else os.path.dirname(name)
        while parent and parent not in folders:
            folders.add(parent)
            parent = os.path.dirname(parent)
    for name, _ in others:
        way = name
        while way:
            if way in links:
                raise Failed("the bundle wants to write through its link %s: %s" % (way[:200], name[:200]))
            way = os.path.dirname(way)
    for name in links:
        if os.path.dirname(name) and _through(links, os.path.dirname(name)):
            raise Failed("the bundle wants to write through a link: %s" % name[:200])
        why = _unsafe(links, folders, name)
        if why:
            raise Failed("the link %s to %s is refused: %s" % (name[:200], links[name][:200], why))


def _through(links, way):
    while way:
        if way in links:
            return True
        way = os.path.dirname(way)
    return False


def _unsafe(links, folders, name):
    """Return why nobody can vouch for where a link leads; empty where it stays inside. `/` is the bundle's own root."""
    todo, here, hops, rooted = name.split("/")[::-1], [], 0, False
    while todo:
        word = todo.pop()
        if word in ("", "."):
            continue
        if word == "..":
            if not here and not rooted:
                return "it leads outside the folder of the bundle"
            if here and not rooted and "/".join(here) not in folders:
                return "%s is not a folder of the bundle" % "/".join(here)
            del here[-1:]
            continue
        here.append(word)
        leads_to = links.get("/".join(here))
        if leads_to is None:
            continue
        hops += 1
        if hops > MOST_HOPS:
            return "more than %d links follow each other" % MOST_HOPS
        here.pop()
        if leads_to.startswith("/"):
            here, rooted = [], True
        todo.extend(leads_to.split("/")[::-1])
    return ""


def poured(source, place, mode):
    """Write one member."""
    descriptor = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    give = os.fdopen(descriptor, "wb")
    try:
        shutil.copyfileobj(source, give, 1 << 20)
    finally:
        give.close()
        source.close()
    os.chmod(place, mode)


# -- settle and commit -------------------------------------------------------------------------------


def settle(host, up):
    """Start and restart services, leave the maintenance mode, and look whether everything stays up. Errors: Failed."""
    recipe = up.recipe()
    up.record("settling")
    before = up_before(up)
    start_again(up)
    for service in meant_up(up):
        if service["during"] == "running" and service["restart"] == "auto":
            told(up, "restart %s" % service["name"], service_argv(up, service, "restart"))
    leave_maintenance(host, up)
    judged_up(up, before)
    if recipe["settle"]:
        time.sleep(recipe["settle"])
        judged_up(up, before)
    found = version_of(host, recipe)
    if recipe.get("version") and found != bare(up.manifest()["release"]):
        raise Failed("the host says release %s, not %s" % (found or "none", up.manifest()["release"]))
    up.record("settled")


def start_again(up):
    """Start what the maintenance mode stopped: what configures and proves the host needs it to answer."""
    for service in meant_up(up):
        if service["during"] == "stopped" and not is_up(up, service):
            told(up, "start %s" % service["name"], service_argv(up, service, "start"))


def meant_up(up):
    """Return the services that ran before the upgrade or always do: what somebody has stopped stays so."""
    before = up_before(up)
    return [s for s in up.recipe()["services"] if s["name"] in before or s.get("always")]


def up_before(up):
    """Return the services that ran before the upgrade."""
    index = best_copy(up)[1]
    return (index or {}).get("services", [])


def judged_up(up, before):
    """Ask every service that ran before, and every probe. Errors: Failed naming what does not run."""
    down = [service["name"] for service in fallen(up, before)]
    if down:
        raise Failed("after the upgrade %s does not run" % ", ".join(down))
    agent.probe_or_fail(probes(up, "probes"))


def probes(up, key):
    """Return the recipe's probes with their commands filled."""
    return [
        dict(one, argv=up.fill(one["argv"])) if "argv" in one else one for one in up.recipe().get(key, [])
    ]


def bare(release):
    """Return a release without the `v` that some files write before its number."""
    return re.sub("^[vV](?=[0-9])", "", release)


def version_of(host, recipe):
    """Return the release that the product's own file names, without a `v` before it, or an empty text."""
    place = recipe.get("version")
    if not place:
        return ""
    try:
        found = re.search(place["regex"], agent.shown(agent.read(host.place(place["path"]))), re.M)
    except (OSError, IOError):
        return ""
    return bare(found.group(1).strip()) if found else ""


def commit(host, up):
    """Make the upgrade final, and remember what the host looks like now."""
    after = {
        "paths": [tree_of(host.place(path)) for path in up.recipe()["paths"]],
        "packages": packages(host, up),
    }
    if up.recipe().get("database"):
        after["dump"] = dump(up, up.path("dump.after"))["sha256"]
        agent.gone(up.path("dump.after"))
    after["last_tx"] = ([tx.name for tx in host.transactions()] or [""])[-1]
    before = best_copy(up)[1]
    up.keep_json("after.json", after)
    up.keep_json("result.json", result(host, up, before, "committed"))
    up.record("committed")
    tidy(host, up)


def tidy(host, up):
    """After the end: remember what is installed, remove what is needed no more; doing it twice is doing it once."""
    if up.state() not in FINAL or up.reached_since("tidy", FINAL):
        return
    manifest, state = up.manifest(), installed_record(host)
    if up.state() == "committed":
        state["products"][manifest["product"]] = {
            "release": manifest["release"],
            "created": manifest["created"],
        }
        state["latest"] = max(state.get("latest") or "", manifest["created"])
        if manifest.get("forced") and manifest["forced"] not in state.setdefault("forced", []):
            state["forced"].append(manifest["forced"])
    elif up.load_json("after.json") is not None:  # it had been installed: the release before it is again
        state["products"].pop(manifest["product"], None)
        if manifest.get("former"):
            state["products"][manifest["product"]] = manifest["former"]
    state["schema"] = "harden-installed/1"
    agent.replace(
        os.path.join(host.state, "upgrade-installed.json"), json.dumps(state, sort_keys=True).encode("ascii")
    )
    cleared(up)
    up.record("tidy")
    done = [one for one in upgrades(host) if one.state() in FINAL]
    for one in done[: -max(1, int(manifest.get("keep", 3)))]:
        shutil.rmtree(one.dir)


def tidy_all(host):
    """Finish what an end that was interrupted left."""
    for up in upgrades(host):
        tidy(host, up)


def cleared(up):
    """Remove what a finished upgrade needs no more; the copies stay for a later rollback."""
    for leaf in ("work", "bundle", "signature", "ballast", "order"):
        agent.gone(up.path(leaf))
    agent.gone(os.path.join(up.host.state, "upgrade-open"))


def tree_of(path):
    """Return one digest over a declared path."""
    rows = [
        [row[0]] + [row[1].get(k) for k in ("kind", "mode", "uid", "gid", "sha256", "target")]
        for row in listed(path)
    ]
    return agent.sha256(json.dumps(rows, sort_keys=True).encode("ascii"))


def result(host, up, before, state):
    """Return what a report needs: before and after, stages with their times."""
    events = up.events()
    steps, last = [], None
    for line in events:
        if last is not None:
            steps.append({"stage": last["event"], "began": last["time"], "ended": line["time"]})
        last = line
    if last is not None:
        steps.append({"stage": last["event"], "began": last["time"], "ended": agent.stamp()})
    row = {
        "state": state,
        "from": (before or {}).get("version", ""),
        "to": up.manifest()["release"],
        "steps": steps,
    }
    row["now"] = version_of(host, up.recipe())
    if before:
        now = packages(host, up)
        row["packages"] = {
            "added": sorted(set(now) - set(before["packages"])),
            "removed": sorted(set(before["packages"]) - set(now)),
        }
    return row


# -- the tree, before and after ----------------------------------------------------------------------


def watched(host, up):
    """Yield (path, short description) of everything that an installer might touch outside the declared paths."""
    recipe = up.recipe()
    skip = set(host.place(path) for path in tuple(recipe["noise"]) + tuple(recipe["paths"]))
    skip.update(host.place(path) for path in NOISE)
    if recipe["maintenance"].get("flag"):
        skip.add(host.place(recipe["maintenance"]["flag"]))
    skip.add(host.state)
    device = os.lstat(host.root).st_dev
    for folder, folders, names in os.walk(host.root):
        kept = []
        for name in folders:
            here = os.path.join(folder, name)
            try:
                if here not in skip and (os.path.islink(here) or os.lstat(here).st_dev == device):
                    kept.append(name)
            except OSError:
                continue
        folders[:] = kept
        for name in kept + names:
            here = os.path.join(folder, name)
            if here in skip:
                continue
            try:
                status = os.lstat(here)
            except OSError:
                continue
            kind = stat.S_IFMT(status.st_mode)
            row = [kind, stat.S_IMODE(status.st_mode), status.st_uid, status.st_gid]
            if stat.S_ISREG(status.st_mode):
                row += [status.st_size, int(status.st_mtime)]
            elif stat.S_ISLNK(status.st_mode):
                row.append(agent.shown(os.readlink(here)))
            yield agent._plan_path(host, here), row


def held(path, below):
    """Hold a folder at or below a declared path: its account may put a link in the place of any of them meanwhile."""
    names = [os.path.basename(path)] + [one for one in below.split("/") if one not in ("", ".")]
    return agent.Held(os.path.dirname(path), names)


def where(path, name):
    """Hold the folder that a declared path, or something below it, lies in."""
    return held(path, os.path.dirname(agent.native(name))) if name else agent.Held(os.path.dirname(path))


def leaf_of(path, name):
    """Return the name of a declared path, or of something below it, in its folder."""
    return os.path.basename(agent.native(name) or path)


def record_tree(host, up):
    """Write down the whole tree as it is before the installer runs."""
    text = json.dumps(dict(watched(host, up)), sort_keys=True)
    agent.replace(up.path("tree"), zlib.compress(text.encode("ascii"), 1))


def touched(host, up):
    """Return what is different from before outside the declared paths: {added, removed, changed}, or None."""
    try:
        before = json.loads(zlib.decompress(agent.read(up.path("tree"))).decode("ascii"))
    except (OSError, IOError, ValueError, zlib.error):
        return None
    now = dict(watched(host, up))
    return {
        "added": sorted(set(now) - set(before)),
        "removed": sorted(set(before) - set(now)),
        "changed": sorted(path for path in now if path in before and now[path] != before[path]),
    }


# -- back --------------------------------------------------------------------------------------------


def roll_back(host, up, why, boot=False):
    """Lead the host back from wherever it is; doing it twice is doing it once.

    At boot, before services start, only files are put back; the rest follows when services are up.
    """
    if up.state() == "rolledback":
        return
    deep = up.reached("installing")
    up.record("rollingback", why=why[:1000], boot=boot)
    end_leftovers(up)
    for leaf in ("ballast", "work"):
        agent.gone(up.path(leaf))
    problems, restored = [], []
    recipe = up.recipe()
    folder, before = best_copy(up)
    services = recipe["services"]
    if deep and not boot:
        for service in services:
            if service["during"] == "stopped":
                agent.run(service_argv(up, service, "stop"), 180)
                await_down(up, service)
    if deep:
        for number, one in enumerate(before["paths"]):
            try:
                changed = put_back(
                    host.place(one["path"]), one["entries"], os.path.join(folder, "path.%d" % number)
                )
                restored.append({"path": one["path"], "changed": changed})
            except (OSError, IOError, Failed):
                problems.append("%s: %s" % (one["path"], sys.exc_info()[1]))
        agent._libc().sync()
    if boot:
        return
    if deep and before.get("dump"):
        wake(up, before)
        problems += database_back(up, os.path.join(folder, "dump"), before["dump"])
    problems += transactions_back(host, up)
    if deep and not problems:
        for number, one in enumerate(
            before["paths"]
        ):  # what the transactions put back may be older than the copy
            put_back(host.place(one["path"]), one["entries"], os.path.join(folder, "path.%d" % number))
    if deep:
        problems += packages_back(host, up, before)
    if up.reached("maintenance"):
        problems += services_back(host, up, before or {"services": []}, deep)
    if deep and not problems:
        problems += verified_back(host, before)
    leftovers = touched(host, up) if deep else None
    row = result(host, up, before, "broken" if problems else "rolledback")
    row.update(why=first_why(up), problems=problems, restored=restored, leftovers=leftovers)
    row["database"] = bool(deep and before.get("dump"))
    up.keep_json("result.json", row)
    up.record("broken" if problems else "rolledback", why=first_why(up)[:1000], problems=problems[:20])
    if not problems:
        tidy(host, up)


def first_why(up):
    """Return why the upgrade was led back, as it was first said."""
    for line in up.events():
        if line["event"] == "rollingback":
            return line["why"]
    return ""


def put_back(path, entries, copies):
    """Make a declared path what it was: contents, owners, modes, times, attributes; return how many were changed.

    What is too much goes first, which frees a full disk; a file is replaced by rename, and one that is right stays.
    """
    wanted, changed = dict((row[0], row[1]) for row in entries), 0
    root_kind = wanted.get("", {}).get("kind")
    if os.path.isdir(os.path.dirname(path)):
        with where(path, "") as place:
            now = agent.look(place.at(leaf_of(path, "")), digest=False)
            if now is not None and now["kind"] != "special" and now["kind"] != root_kind:
                agent.gone(place.at(leaf_of(path, "")))
                changed += 1
    if root_kind is None:
        return changed
    if root_kind == "dir" and os.path.isdir(path):
        for folder, folders, names in os.walk(path, topdown=False):
            with held(path, os.path.relpath(folder, path)) as place:
                for name in folders + names:
                    here = place.at(name)
                    seen = agent.look(here, digest=False)
                    want = wanted.get(agent.kept(os.path.relpath(os.path.join(folder, name), path)))
                    if seen is None or seen["kind"] == "special":
                        continue
                    if want is None or want["kind"] != seen["kind"]:
                        agent.gone(here)
                        changed += 1
    if not os.path.isdir(os.path.dirname(path)):
        agent.make_dirs(os.path.dirname(path), 0o755)
    for number, (name, want) in enumerate(entries):
        with where(path, name) as place:
            changed += one_back(place, leaf_of(path, name), want, os.path.join(copies, "%d" % number))
    for name, want in reversed(entries):
        if want["kind"] == "dir":
            with where(path, name) as place:
                here = place.at(leaf_of(path, name))
                if not untouched(agent.look(here), want):
                    agent.dress(here, want)
    return changed


def untouched(now, want):
    """Whether it is so already, time included: what cannot be changed, as on a disk that is read-only, need not be."""
    return agent.same(now, want) and (
        want["kind"] == "link" or now["mtime_ns"] // 1000 == want["mtime_ns"] // 1000
    )


def one_back(place, leaf, want, copy):
    """Make one file, link or directory in a folder that is held what it was; return 1 when it was not."""
    here, fresh = place.at(leaf), place.at(agent.PREFIX + "back")
    shown, now = agent.shown(os.path.join(place.path, leaf)), agent.look(here)
    if want["kind"] == "dir":
        if now is None:
            os.mkdir(here, 0o700)
        return int(not agent.alike(now, want))
    if untouched(now, want):
        return 0
    agent.gone(fresh)
    if want["kind"] == "link":
        os.symlink(agent.native(want["target"]), fresh)
        agent.dress(fresh, want)
    elif agent.copy_file(copy, fresh, want) != want["sha256"]:
        agent.gone(fresh)
        raise Failed("the kept copy of %s is damaged" % shown)
    try:
        os.rename(fresh, here)
    except OSError:  # Python 2 does not say of which file
        word = "it is immutable or append-only, chattr -i -a it" if agent.locked(here) else ""
        word = word or sys.exc_info()[1].strerror
        raise Failed("%s cannot be put back: %s" % (shown, word))
    return int(not agent.alike(now, want))


def verified_back(host, before):
    """Look at every declared path once more; return what is not as it was."""
    problems = []
    for one in before["paths"]:
        now = dict((row[0], row[1]) for row in listed(host.place(one["path"])))
        wanted = dict((row[0], row[1]) for row in one["entries"])
        for name in sorted(set(now) | set(wanted)):
            if not agent.same(plain(now.get(name)), plain(wanted.get(name))):
                problems.append("%s is not as it was" % shown_below(one["path"], name))
    return problems


def plain(seen):
    """Return a look without the attributes that a file system or its policy gives by itself."""
    return seen and dict(
        seen, xattrs=dict(pair for pair in seen.get("xattrs", {}).items() if agent.ours(pair[0]))
    )


def database_back(up, path, kept):
    """Restore the dump where the database differs from it, and compare a new dump with it; return problems."""
    database = up.recipe()["database"]
    try:
        if dump(up, up.path("dump.now"))["sha256"] == kept["sha256"]:
            return []
    except Failed:
        pass  # whatever is there cannot be dumped: it is replaced
    finally:
        agent.gone(up.path("dump.now"))
    if dump_digest(path, database) != kept["sha256"]:
        return ["the kept database dump is damaged"]
    code, said = piped(up.fill(database["restore"]), path, None, database.get("timeout", 3600))
    for line in said.splitlines():
        if stop_line(up, line):
            return ["the database restore stopped: log/%s" % stop_line(up, line)]
    if code != 0:
        return ["the database restore failed: %s exited %d" % (database["restore"][0], code)]
    try:
        if dump(up, up.path("dump.now"))["sha256"] != kept["sha256"]:
            return ["the restored database is not what was dumped"]
    except Failed:
        return ["the restored database cannot be dumped: %s" % sys.exc_info()[1]]
    finally:
        agent.gone(up.path("dump.now"))
    return []


def wake(up, before):
    """Start what ran before and was not ours to stop, such as a database that the installer stopped: it has to be restored."""
    for service in fallen(up, before["services"]):
        if service["during"] == "running":
            agent.run(service_argv(up, service, "start"), 180)  # whether it came up is looked at in the end


def transactions_back(host, up):
    """Undo the agent's transactions that were made since the upgrade began, newest first; return problems.

    The declared paths are back already and are left alone; so are the services that the recipe names.
    """
    problems = []
    agent.recover(host)
    declared = [host.place(path) for path in up.recipe()["paths"]]
    ours = [service["name"] for service in up.recipe()["services"]]
    for tx in reversed(host.transactions()):
        if tx.name <= up.manifest()["last_tx"]:
            continue
        try:
            if tx.state() == "applied":
                problems += agent.undo(tx, "the upgrade was led back")["problems"]
                continue
            manifest = agent.loaded(tx)
            if tx.state() != "committed" or manifest.get("undoes"):
                continue
            entries = [
                e for e in agent.reversed_entries(tx, manifest, True) if not below(e["path"], declared)
            ]
            commands = [
                {"name": c["name"], "do": c["undo"], "undo": c["do"]}
                for c in reversed(manifest["commands"])
                if c.get("undo")
            ]
            services = [dict(s, paths=None) for s in manifest["services"] if s["name"] not in ours]
            plan = {
                "label": "rollback of " + manifest["label"],
                "undoes": tx.name,
                "by": up.name,
                "services": services,
            }
            if not entries and not commands:
                tx.record("undone", by=up.name)
                continue
            done = agent.carry_out(host, plan, entries, commands)
            if done.get("failed"):
                problems.append("transaction %s: %s" % (tx.name, done.get("msg", "")))
        except (OSError, IOError, Refused, Failed):
            problems.append("transaction %s: %s" % (tx.name, sys.exc_info()[1]))
    return problems


def below(path, folders):
    """Whether a path is one of the folders or lies in one."""
    return bool([one for one in folders if path == one or path.startswith(one.rstrip("/") + "/")])


def packages_back(host, up, before):
    """Let the recipe's command lead the packages back where they differ; return problems."""
    argv = up.recipe().get("packages_restore")
    try:
        if packages(host, up) == before["packages"]:
            return []
        if argv:
            agent.run(up.fill(argv), 1800)
            if packages(host, up) == before["packages"]:
                return []
            return ["the packages are not as they were"]
    except Failed:
        return [str(sys.exc_info()[1])]
    return []  # without a command the difference is in the report


def services_back(host, up, before, deep):
    """Start what ran before, leave the maintenance mode, and look; return problems."""
    problems = []
    for service in up.recipe()["services"]:
        if service["name"] not in before["services"]:
            continue
        try:
            if deep and service["during"] == "running" and service["restart"] == "auto":
                told(up, "restart %s" % service["name"], service_argv(up, service, "restart"))
            elif not is_up(up, service):
                told(up, "start %s" % service["name"], service_argv(up, service, "start"))
        except Failed:
            problems.append(str(sys.exc_info()[1]))
    try:
        leave_maintenance(host, up)
        problems += ["%s does not run" % one["name"] for one in fallen(up, before["services"])]
        agent.probe_or_fail(probes(up, "probes_before"))
    except (Failed, OSError, IOError):
        problems.append(str(sys.exc_info()[1]))
    return problems


# -- verbs: look --------------------------------------------------------------------------------------


def do_look(host, request):
    """Say whether this host is fit for the upgrade; nothing is written."""
    recipe, problems = request["recipe"], []
    open_one = unfinished(host)
    answer = {"changed": False, "time": time.time(), "uid": os.getuid(), "python": platform.python_version()}
    answer.update(installed=version_of(host, recipe), record=installed_record(host), alive=alive(host))
    answer["open"] = described(open_one) if open_one else None
    declared, size = [], 0
    for path in recipe["paths"]:
        seen = listed_size(host.place(path))
        declared.append({"path": path, "bytes": seen, "present": seen is not None})
        size += seen or 0
    answer["paths"] = declared
    if declared and not [row for row in declared if row["present"]]:
        problems.append("none of the declared paths exists: is this a host of %s?" % recipe["name"])
    problems += through_links(host, recipe)
    for path in recipe["paths"]:
        if os.path.exists(host.place(path)) and os.statvfs(host.place(path)).f_flag & 1:
            problems.append("%s lies on a read-only file system: remount it first" % path)
    place = host.state
    while not os.path.isdir(place):
        place = os.path.dirname(place)
    disk = os.statvfs(place)
    free = disk.f_bavail * disk.f_frsize
    need = size * (3 if recipe["backup_again"] else 2) + int(request.get("unpacked", 0))
    need += int(request.get("size", 0)) + BALLAST + recipe["headroom"] * 1048576
    answer["disk"] = {"place": agent._plan_path(host, place), "free": free, "need": need}
    if free < need:
        problems.append("%s has %d bytes free, %d are needed" % (answer["disk"]["place"], free, need))
    if disk.f_flag & 1 if hasattr(disk, "f_flag") else False:
        problems.append("%s is read-only" % agent._plan_path(host, place))
    if os.getuid() != 0 and host.root == "/":
        problems.append("the agent is not root here; use become")
    answer["lost"] = lost(host)
    problems += lost_words(host)
    for tx in host.transactions():
        if tx.state() in ("open", "applied"):
            problems.append("transaction %s is %s" % (tx.name, tx.state()))
    probe = Upgrade(host, "look")
    probe.manifest = lambda: {"recipe": recipe, "release": request.get("release", "")}
    answer["services"] = [{"name": s["name"], "up": is_up(probe, s)} for s in recipe["services"]]
    for service, row in zip(recipe["services"], answer["services"]):
        if not row["up"] and not service.get("optional"):
            problems.append("%s does not run" % row["name"])
    if recipe.get("database"):
        for word in ("dump", "restore"):
            argv = probe.fill(recipe["database"][word])
            if not (os.path.isabs(argv[0]) and os.access(argv[0], os.X_OK)) and not agent.which(argv[0]):
                problems.append("%s, the database's %s, is not on this host" % (argv[0], word))
    for name in ("probes_before", "checks"):
        for row in agent.ask_probes(probes(probe, name)):
            if not row["ok"]:
                problems.append("%s: %s" % (row["name"], row["problem"]))
    answer["problems"] = problems
    return answer


def listed_size(path):
    """Return the bytes below a path, or None when it is absent."""
    if not os.path.lexists(path):
        return None
    total = 0 if os.path.isdir(path) else os.lstat(path).st_size
    for folder, _, names in os.walk(path):
        for name in names:
            try:
                total += os.lstat(os.path.join(folder, name)).st_size
            except OSError:
                continue
    return total


# -- verbs: begin, and who stands for the bundle ------------------------------------------------------


def do_begin(host, request):
    """Take the bundle in and leave the runner behind; the same bundle again means the same upgrade."""
    if lost(host):
        raise Refused(lost_words(host)[0])
    descriptor, deadline = grip(host), agent.clock() + 15
    while descriptor is None and unfinished(host) is None and agent.clock() < deadline:
        time.sleep(0.1)  # one that has just ended still tidies up
        descriptor = grip(host)
    open_one = unfinished(host)
    if descriptor is None:
        manifest = open_one.manifest() if open_one else {}
        if (
            manifest
            and manifest["bundle"]["sha256"] == request["bundle"]["sha256"]
            and open_one.state() in STAGES
        ):
            return {"changed": False, "id": open_one.name, "attached": True, "state": open_one.state()}
        raise Refused(
            "an upgrade to %s is under way here since %s, begun by %s"
            % (manifest.get("release", "?"), manifest.get("begun", "?"), manifest.get("by") or "nobody named")
        )
    if open_one is not None and not undo_until_done(host, open_one, DIED, tries=3):
        raise Refused("".join(lost_words(host)) or "upgrade %s could not be led back yet" % open_one.name)
    host.lock()
    tidy_all(host)
    for row in agent.recover(host):
        if row["did"] in ("undo failed", "waits"):
            raise Refused(
                "transaction %s%s is not finished: the host undoes it by itself, or says in its status what stops that"
                % (row["id"], agent.told_of(host, row["id"]))
            )
    name = "%s-%s" % (time.strftime("%Y%m%dT%H%M%SZ", time.gmtime()), request["bundle"]["sha256"][:8])
    newest = [one.name for one in upgrades(host)][-1:]
    if newest and newest[0] >= name:
        name = newest[0].split("+")[0] + "+%04d" % (int((newest[0] + "+0").split("+")[1]) + 1)
    up = Upgrade(host, name)
    agent.make_dirs(os.path.dirname(up.dir))
    for leaf in os.listdir(
        os.path.dirname(up.dir)
    ):  # what a begin that died left: no manifest, nothing changed
        if not os.path.exists(os.path.join(os.path.dirname(up.dir), leaf, "manifest")):
            agent.gone(os.path.join(os.path.dirname(up.dir), leaf))
    os.mkdir(up.dir, 0o700)
    try:
        taken_in(host, up, request)
        manifest = dict((key, request[key]) for key in request if key in KEPT)
        manifest.update(version=VERSION, begun=agent.stamp(), token=agent.sha256(os.urandom(32))[:32])
        manifest["last_tx"] = ([tx.name for tx in host.transactions()] or [""])[-1]
        manifest["former"] = installed_record(host)["products"].get(request["product"])
        up.create(manifest)
        up.record("begun")
        agent.replace(os.path.join(host.state, "upgrade-open"), name.encode("ascii"))
    except BaseException:
        shutil.rmtree(up.dir, True)
        if isinstance(sys.exc_info()[1], (OSError, IOError)):
            raise Refused("the bundle cannot be taken in: %s" % sys.exc_info()[1])
        raise
    spawn(host, up, "carry", descriptor)
    return {"changed": True, "id": name, "attached": False, "state": "begun"}


KEPT = (
    "recipe",
    "bundle",
    "product",
    "release",
    "created",
    "by",
    "deadman",
    "stop",
    "keep",
    "forced",
    "audited",
)


def taken_in(host, up, request):
    """Put the uploaded bundle, the ballast and both programs where they outlive the connection."""
    source = agent.native(request["uploaded"])
    if digest_of(source) != request["bundle"]["sha256"]:
        raise Refused("the bundle arrived damaged")
    if agent.copy_file(source, up.path("bundle")) != request["bundle"]["sha256"]:
        raise Refused("the bundle cannot be written to this disk")
    verify_trust(host, up, request)
    agent.write(up.path("ballast"), b"\xa5" * BALLAST)
    if request.get("install", True):
        agent.install(host)
    for leaf, text in (("agent.py", agent_source()), ("upgrade.py", own_source())):
        path = os.path.join(host.state, leaf)
        if not os.path.exists(path) or agent.read(path) != text:
            agent.replace(path, text)
            os.chmod(path, 0o700)


def verify_trust(host, up, request):
    """Refuse a bundle that this host's own keys do not stand for; without the folder the control machine is trusted.

    Keys are files `*.pub` there; a file `threshold` says how many have to have signed. Errors: Untrusted.
    """
    folder = host.place(TRUST)
    if not os.path.lexists(folder):
        return
    verifier = sys.modules.get("aspect_verifier")
    if verifier is None:
        raise Untrusted("this host refuses the bundle: the verifier did not come along")
    bundle = up.path("bundle")
    try:
        if not request.get("signature"):
            raise verifier.Refused("no signature came with it")
        shutil.copyfile(agent.native(request["signature"]), up.path("signature"))
        names = [name for name in sorted(os.listdir(folder)) if name.endswith(".pub")]
        said = verifier.verify(
            bundle,
            [verifier.load_key(os.path.join(folder, name)) for name in names],
            threshold=trust_threshold(folder),
            signature=up.path("signature"),
            clock=os.path.join(host.state, "trust-clock"),
        )
        for name in ("product", "release"):  # what is recorded here has to be what was signed
            if not said[name] or said[name] != request[name]:
                raise verifier.Refused(
                    "it is signed as the %s %r, not %r" % (name, said[name], request[name])
                )
    except (verifier.Refused, verifier.Usage, OSError, IOError, ValueError):
        raise Untrusted("this host refuses the bundle: %s" % sys.exc_info()[1])


def trust_threshold(folder):
    """Return how many keys have to have signed. Errors: ValueError."""
    path = os.path.join(folder, "threshold")
    if not os.path.lexists(path):
        return 1
    text = agent.shown(agent.read(path)).strip()
    if not text.isdigit() or int(text) < 1:
        raise ValueError("%s holds no number above zero" % path)
    return int(text)


def agent_source():
    """Return the agent's program."""
    source = getattr(agent, "SOURCE", None)
    return source if source is not None else agent.read(os.path.abspath(agent.__file__))


def own_source():
    """Return this program."""
    source = globals().get("SOURCE")
    return source if source is not None else agent.read(os.path.abspath(__file__))


# -- verbs: watch and order ---------------------------------------------------------------------------


def do_watch(host, request):
    """Wait until there is news, at most `wait` seconds; return events, the next piece of the log, the result."""
    up = named(host, request["id"])
    deadline, known = agent.clock() + float(request.get("wait", 10)), int(request.get("after", 0))
    offset, until = int(request.get("offset", 0)), request.get("until") or []
    while True:
        touch(up.path("beat"))
        overtaken(host, up)
        events, state = up.events(), up.state()
        size = log_size(up)
        if state in FINAL + ("broken",) or state in until:
            break
        if (
            len(events) > known or size > offset
        ):  # news: wait a moment for more, every question costs a process here
            deadline = min(deadline, agent.clock() + NEWS)
        if not alive(host):
            spawn(host, up, DIED)  # where it just ended, there is nothing to lead back
        if agent.clock() >= deadline:
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
    answer = {"changed": False, "id": up.name, "state": state, "events": events[known:], "alive": alive(host)}
    answer.update(log=agent.b64(zlib.compress(text, 6)) if text else "", offset=offset + len(text), size=size)
    if request.get("audited"):
        answer["audited"] = up.manifest().get("audited")
    if state in FINAL and not answer["alive"]:
        tidy(host, up)
    if state in FINAL + ("broken",):
        answer["result"] = up.load_json("result.json", {})
    return answer


def overtaken(host, up):
    """Carry out an order to roll back that came too late for the runner to read: it had just committed."""
    order = order_of(up)
    if order and order["do"] == "rollback" and up.state() == "committed" and not alive(host):
        agent.gone(up.path("order"))
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


def named(host, name):
    """Return one upgrade. Errors: Refused."""
    up = Upgrade(host, name)
    if up.manifest() is None:
        if (lost(host) or {}).get("id") == name:
            raise Refused(lost_words(host)[0])
        raise Refused("there is no upgrade %s on this host" % name)
    return up


def do_order(host, request):
    """Tell the runner: settle, commit or rollback; a rollback needs no living runner."""
    up = named(host, request["id"])
    state = up.state()
    if state == "rolledback" or (state == "committed" and request["do"] != "rollback"):
        return {"changed": False, "id": up.name, "state": state}
    would = {"changed": True, "id": up.name, "state": "would-change", "paths": up.recipe()["paths"]}
    if state != "committed" and request.get("check"):
        return would
    if state != "committed" and alive(host):
        keep = dict((name, request[name]) for name in ("do", "why", "force") if name in request)
        up.keep_json("order", keep)
        return {"changed": True, "id": up.name, "state": state}
    if request["do"] != "rollback":
        spawn(host, up, DIED)
        return {
            "changed": True,
            "failed": True,
            "id": up.name,
            "state": state,
            "msg": DIED,
        }
    if state == "committed":
        if not idle(host):
            raise Refused("the upgrade is final and its runner still tidies up; ask again in a minute")
        if [one for one in upgrades(host) if one.name > up.name and one.state() == "committed"]:
            raise Refused("a later upgrade is installed; roll that one back first")
        copies_or_refused(up)
        lost = since_commit(host, up)
        if lost and not request.get("force"):
            raise Refused("%s; %s" % ("; ".join(lost), agent.THROWN_AWAY))
        if request.get("check"):
            return would
    spawn(host, up, request.get("why") or "asked for")
    return {"changed": True, "id": up.name, "state": state}


def copies_or_refused(up):
    """Look at every kept copy before a finished upgrade is led back. Errors: Refused where one is gone or damaged."""
    folder, before = best_copy(up)
    problem = "" if before else "the copies of what it replaced are gone"
    for number, one in enumerate((before or {}).get("paths", [])):
        for index, (name, want) in enumerate(one["entries"]):
            copy = os.path.join(folder, "path.%d" % number, "%d" % index)
            if want["kind"] == "file" and not problem:
                problem = unlike(copy, want["sha256"], digest_of)
                problem = problem and "the kept copy of %s %s" % (shown_below(one["path"], name), problem)
    if before and before.get("dump") and not problem:
        database = up.recipe()["database"]
        problem = unlike(
            os.path.join(folder, "dump"),
            before["dump"]["sha256"],
            lambda path: dump_digest(path, database),
        )
        problem = problem and "the kept database dump %s" % problem
    if problem:
        raise Refused(
            "%s: upgrade %s cannot be rolled back, and the host stays as it is; restore it from your own backup"
            % (problem, up.name)
        )


def unlike(path, wanted, digest):
    """Return what is wrong with a kept file, or an empty text."""
    try:
        return "" if digest(path) == wanted else "is damaged"
    except (OSError, IOError):
        missing = sys.exc_info()[1].errno in (errno.ENOENT, errno.ENOTDIR)
        return "is gone" if missing else "cannot be read"


def newer(host, path, mark, most=5):
    """Return the names below a path that were touched after a file was written, as words; what is gone has no name."""
    began, found = os.lstat(mark).st_ctime, []
    for folder, folders, names in os.walk(host.place(path)):
        for name in sorted(folders + names):
            here = os.path.join(folder, name)
            try:
                if os.lstat(here).st_ctime > began:
                    found.append(agent._plan_path(host, here))
            except OSError:
                continue  # it went meanwhile
    files = [one for one in found if not os.path.isdir(host.place(one))] or found
    more = ", and %d more" % (len(files) - most) if len(files) > most else ""
    return " (%s%s)" % (", ".join(files[:most]), more) if files else ""


def since_commit(host, up):
    """Return what changed since the upgrade was finished and would be lost."""
    after, lost = up.load_json("after.json", {}), []
    for path, digest in zip(up.recipe()["paths"], after.get("paths", [])):
        if tree_of(host.place(path)) != digest:
            lost.append(
                "%s was changed since the upgrade%s" % (path, newer(host, path, up.path("after.json")))
            )
    if after.get("dump"):
        spare = "%s/dump.check.%d" % (up.dir, os.getpid())
        try:
            if dump(up, spare)["sha256"] != after["dump"]:
                lost.append("the database was written to since the upgrade")
        except Failed:
            pass  # it cannot be dumped: going back is why we are here
        finally:
            agent.gone(spare)
    return lost


# -- verbs: status and verify -------------------------------------------------------------------------


def described(up):
    """Return what `status` says of one upgrade."""
    manifest, events = up.manifest() or {}, up.events()
    row = {"id": up.name, "state": up.state(), "product": manifest.get("product", "")}
    row.update(
        release=manifest.get("release", ""), by=manifest.get("by", ""), begun=manifest.get("begun", "")
    )
    row["sha256"] = manifest.get("bundle", {}).get("sha256", "")
    row["since"] = events[-1]["time"] if events else ""
    row["result"] = up.load_json("result.json", {})
    row["later"] = bool(row["state"] == "committed" and later(up))
    for line in reversed(events):
        if line.get("why"):
            row["why"] = first_why(up)
            break
    return row


def later(up):
    """Return the transactions that were made after an upgrade was final, and still hold.

    What the host itself finished of the upgrade's own, such as an old port closed once the restart was seen, is none.
    """
    last, found = up.load_json("after.json", {}).get("last_tx", ""), []
    for tx in up.host.transactions():
        manifest = tx.manifest() or {}
        own = manifest.get("follows") and manifest["follows"] <= last
        if tx.name > last and tx.state() == "committed" and not manifest.get("undoes") and not own:
            found.append(tx.name)
    return found


def do_status(host, request):
    """Return every upgrade of this host, what runs, and which services still run what was before the upgrade."""
    rows = [described(one) for one in upgrades(host)]
    rows += [lost(host)] if lost(host) else []
    answer = {"changed": False, "upgrades": rows, "alive": alive(host), "record": installed_record(host)}
    answer["pending"] = pending(host)
    answer["pending"] += agent.pending(host)
    done = [one for one in upgrades(host) if one.state() == "committed"]
    answer["version"] = version_of(host, done[-1].recipe()) if done else ""
    if request.get("audited"):
        answer["audited"] = None
        if done:
            answer["audited"] = {
                "before": done[-1].manifest().get("audited"),
                "paths": done[-1].recipe()["paths"],
            }
    return answer


def pending(host):
    """Return the services that a person has to restart: they run since before the upgrade's files came."""
    rows, done = [], [one for one in upgrades(host) if one.state() in ("committed", "settled", "settling")]
    for up in done[-1:]:
        lines = [line for line in up.events() if line["event"] == "installed"]
        times = [line["time"] for line in lines]
        for service in up.recipe()["services"]:
            if service["restart"] != "manual" or service["during"] != "running" or not times:
                continue
            started = started_at(up, service)
            if started is None:
                continue
            came = agent.calendar.timegm(time.strptime(times[0], "%Y-%m-%dT%H:%M:%SZ"))
            row = {"name": service["name"], "since": times[0], "by": up.manifest().get("by", "")}
            # the journal's times are whole seconds: who began within that second may have begun before the files came
            # and where the kernel's own count is known, no clock that was set since counts
            resolved = started[0] >= came + 1
            if lines[0].get("boot"):
                resolved = lines[0]["boot"] != boot_id() or started[1] >= lines[0]["ticks"]
            row.update(configured=up.manifest()["release"], running=["before"], resolved=resolved)
            rows.append(row)
    return rows


def started_at(up, service):
    """Return when a service's oldest process began, by the clock and by the kernel's ticks, or None where none is found.

    It is found by its process file, or by its name.
    """
    pids = []
    if service.get("pidfile"):
        try:
            pids = [int(agent.read(up.host.place(service["pidfile"])).split()[0])]
        except (OSError, IOError, ValueError, IndexError):
            return None
    elif service.get("process"):
        for name in os.listdir("/proc"):
            try:
                if (
                    name.isdigit()
                    and service["process"] in agent.shown(agent.read("/proc/%s/stat" % name)).split(")")[0]
                ):
                    pids.append(int(name))
            except (OSError, IOError):
                continue
    found = []
    for pid in pids:
        since = began(pid)
        if since is not None:
            up_for = float(agent.read("/proc/uptime").split()[0])
            found.append((time.time() - up_for + since / float(os.sysconf("SC_CLK_TCK")), since))
    return min(found) if found else None


def do_verify(host, request):
    """Say whether the newest upgrade still holds: its release, its services, its probes. Nothing is changed."""
    rows, problems = upgrades(host), lost_words(host)
    if rows and rows[-1].state() not in FINAL:
        problems.append("upgrade %s is %s" % (rows[-1].name, rows[-1].state()))
    done = [one for one in rows if one.state() == "committed"]
    if done:
        up = done[-1]
        found = version_of(host, up.recipe())
        if up.recipe().get("version") and found != bare(up.manifest()["release"]):
            problems.append("the host says release %s, not %s" % (found or "none", up.manifest()["release"]))
        problems += ["%s does not run" % one["name"] for one in fallen(up, up_before(up))]
        for row in agent.ask_probes(probes(up, "probes")):
            if not row["ok"]:
                problems.append("%s: %s" % (row["name"], row["problem"]))
    answer = {"changed": False, "problems": problems, "failed": bool(problems), "pending": pending(host)}
    answer["state"] = "drifted" if problems else "as-planned" if done else "nothing"
    answer["msg"] = "; ".join(problems)
    return answer


# -- verbs: recover, and the answer to a request ------------------------------------------------------


def went_down(up):
    """Return why an upgrade is led back at boot."""
    return "the host went down during %s" % up.state()


def do_recover(host, request):
    """Lead back what nobody carries out any more: at boot files first, everything when services are up."""
    up = unfinished(host)
    if up is None:
        if not alive(host):
            tidy_all(host)
        words = lost_words(host)
        return {"changed": False, "state": "lost" if words else "nothing", "msg": "".join(words)}
    if alive(host):
        return {"changed": False, "state": up.state(), "id": up.name}
    descriptor = grip(host)
    if descriptor is None:
        return {"changed": False, "state": up.state(), "id": up.name}
    if taken_away(up):
        up.known = up.manifest()
        give_up(host, up)
        return {"changed": True, "state": "lost", "msg": lost_words(host)[0]}
    if request.get("boot"):
        host.lock(wait=None)
        roll_back(host, up, went_down(up), boot=True)
    elif (
        agent.init_system() == "sysv"
    ):  # what starts after us may be what the way back waits for: do not hold up the boot
        spawn(host, up, went_down(up), descriptor)
    else:
        undo_until_done(host, up, went_down(up), tries=len(RETRIES))
    return {"changed": True, "state": up.state(), "id": up.name}


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
    base = {"verb": verb, "upgrader": VERSION, "python": platform.python_version(), "failed": False}
    try:
        if verb not in VERBS:
            raise Refused("unknown verb %s" % verb)
        host = agent.Host(request.get("root") or "/", request.get("state") or agent.STATE)
        return dict(base, **dict((str(key), value) for key, value in VERBS[verb](host, request).items()))
    except (Refused, Failed, OSError, IOError):
        problem = sys.exc_info()[1]
        text = agent.explained(problem) if isinstance(problem, (OSError, IOError)) else str(problem)
        said = dict(base, failed=True, changed=False, state="refused", msg=text)
        return dict(said, untrusted=True) if isinstance(problem, Untrusted) else said
    except (KeyError, TypeError, ValueError, AttributeError):
        detail = traceback.format_exc().strip().splitlines()
        message = "the request is not well formed: %s (%s)" % (sys.exc_info()[1], detail[-3].strip())
        return dict(base, failed=True, changed=False, state="refused", msg=message)


def main():
    """Answer the request that was streamed along, or the one on the command line."""
    if "REQUEST" in globals():
        request = json.loads(zlib.decompress(agent.unb64(globals()["REQUEST"])).decode("ascii"))
        sys.stdout.write("\n%s%s\n" % (agent.MARK, json.dumps(answer_to(request), sort_keys=True)))
        sys.stdout.flush()
        return 0
    words = sys.argv[1:]
    request = {"verb": words.pop(0) if words else "status"}
    while words:
        word = words.pop(0).lstrip("-")
        request[word] = True if word in ("boot", "force") else words.pop(0)
    answer = answer_to(request)
    sys.stdout.write(json.dumps(answer, sort_keys=True, indent=1) + "\n")
    return 6 if answer["failed"] else 0


if __name__ == "__main__":
    sys.exit(main())
