"""The verb `begin`: takes the bundle in and leaves the runner behind."""

import os
import shutil
import sys
import time

from hardening.onhost.agent import main as agent
from hardening.onhost.agent.applying import name_of
from hardening.onhost.agent.installation import install
from hardening.onhost.agent.undoing import recover
from hardening.onhost.shared.copying import copy_file, replace, write
from hardening.onhost.shared.errors import Refused
from hardening.onhost.shared.files import digest_of, make_dirs, read, remove
from hardening.onhost.shared.itself import zipped
from hardening.onhost.shared.journal import next_name
from hardening.onhost.shared.texts import clock, native, sha256, stamp
from hardening.onhost.upgrader.locking import take_runner_lock
from hardening.onhost.upgrader.lost import lost_upgrade, lost_words
from hardening.onhost.upgrader.preflight import BALLAST
from hardening.onhost.upgrader.record import STAGES, UPGRADER, Upgrade, installed_record, unfinished, upgrades
from hardening.onhost.upgrader.runner import DIED, spawn, undo_until_done
from hardening.onhost.upgrader.tidying import tidy_all
from hardening.onhost.upgrader.trust import verify_trust


def do_begin(host, request):
    """Take the bundle in and leave the runner behind; the same bundle again means the same upgrade."""
    if lost_upgrade(host):
        raise Refused(lost_words(host)[0])
    descriptor, deadline = take_runner_lock(host), clock() + 15
    while descriptor is None and unfinished(host) is None and clock() < deadline:
        time.sleep(0.1)  # one that has just ended still tidies up
        descriptor = take_runner_lock(host)
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
            % (
                manifest.get("release", "?"),
                manifest.get("begun", "?"),
                manifest.get("by") or "an unknown person",
            )
        )
    if open_one is not None and not undo_until_done(host, open_one, DIED, tries=3):
        raise Refused("".join(lost_words(host)) or "upgrade %s could not be rolled back yet" % open_one.name)
    host.lock()
    tidy_all(host)
    for row in recover(host):
        if row["did"] in ("undo failed", "waits"):
            raise Refused(
                "transaction %s%s is not finished: the host undoes it by itself, or its status names what blocks that"
                % (row["id"], name_of(host, row["id"]))
            )
    name = next_name(request["bundle"]["sha256"][:8], upgrades(host))
    up = Upgrade(host, name)
    make_dirs(os.path.dirname(up.dir))
    for leaf in os.listdir(
        os.path.dirname(up.dir)
    ):  # what a begin that died left: no manifest, nothing changed
        if not os.path.exists(os.path.join(os.path.dirname(up.dir), leaf, "manifest")):
            remove(os.path.join(os.path.dirname(up.dir), leaf))
    os.mkdir(up.dir, 0o700)
    try:
        take_in(host, up, request)
        manifest = dict((key, request[key]) for key in request if key in KEPT)
        manifest.update(version=UPGRADER, begun=stamp(), token=sha256(os.urandom(32))[:32])
        manifest["last_tx"] = ([tx.name for tx in host.transactions()] or [""])[-1]
        manifest["former"] = installed_record(host)["products"].get(request["product"])
        up.create(manifest)
        up.record("begun")
        replace(os.path.join(host.state, "upgrade-open"), name.encode("ascii"))
    except BaseException:
        shutil.rmtree(up.dir, True)
        if isinstance(sys.exc_info()[1], (OSError, IOError)):
            raise Refused("the bundle cannot be read: %s" % sys.exc_info()[1])
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


def take_in(host, up, request):
    """Put the uploaded bundle, the ballast and both programs where they outlive the connection."""
    source = native(request["uploaded"])
    if digest_of(source) != request["bundle"]["sha256"]:
        raise Refused("the bundle arrived damaged")
    if copy_file(source, up.path("bundle")) != request["bundle"]["sha256"]:
        raise Refused("the bundle cannot be written to this disk")
    verify_trust(host, up, request)
    write(up.path("ballast"), b"\xa5" * BALLAST)
    if request.get("install", True):
        install(host)
    programs = ("agent.pyz", agent.__name__), ("upgrade.pyz", "hardening.onhost.upgrader.main")
    for leaf, text in [(leaf, zipped(name)) for leaf, name in programs]:
        path = os.path.join(host.state, leaf)
        if not os.path.exists(path) or read(path) != text:
            replace(path, text)
            os.chmod(path, 0o700)
