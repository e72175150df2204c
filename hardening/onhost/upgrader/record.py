"""One upgrade's directory: manifest, journal, recipe."""

import json
import os
import re
import sys

from hardening.onhost.shared.copying import replace
from hardening.onhost.shared.errors import Refused
from hardening.onhost.shared.files import read
from hardening.onhost.shared.journal import Transaction, names_in
from hardening.onhost.shared.processes import which
from hardening.onhost.shared.texts import native, shown

UPGRADER = 1
STAGES = ("begun", "backedup", "maintenance", "installing", "installed", "settling", "settled")
FINAL = ("committed", "rolled-back")
CLIENTS = (
    ("{mysql}", ("mysql", "mariadb")),
    ("{mysqldump}", ("mysqldump", "mariadb-dump")),
)  # newer hosts lack the old names


class Untrusted(Refused):
    """The bundle is not signed by the keys of this host."""


class Upgrade(Transaction):
    """One upgrade's directory: manifest, journal, copies, the installer's log."""

    known = None  # the manifest, for when it is taken away

    def __init__(self, host, name):
        Transaction.__init__(self, host, name)
        self.dir = os.path.join(host.state, "upgrade", native(name))

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
            "{root}": shown(self.host.root).rstrip("/"),
            "{work}": shown(self.path("work")),
            "{bundle}": shown(self.path("bundle")),
            "{release}": manifest["release"],
            "{python}": sys.executable,
        }
        filled = []
        for word in argv:
            for name, value in words.items():
                word = word.replace(name, value)
            for name, programs in CLIENTS:
                if name in word:
                    word = word.replace(name, first_installed(programs))
            filled.append(word)
        return filled

    def matchers(self):
        """Return what stands before a line, and the messages of the control machine that stop an upgrade."""
        if not hasattr(self, "_compiled"):
            stops = self.manifest().get("stop") or {}
            prefix = re.compile(stops["prefix"], re.VERBOSE) if stops.get("prefix") else None
            self._compiled = (
                prefix,
                [(row["id"], re.compile(row["regex"])) for row in stops.get("patterns", [])],
            )
        return self._compiled

    def keep_json(self, leaf, value):
        """Write one of its files whole and durably."""
        replace(self.path(leaf), json.dumps(value, sort_keys=True).encode("ascii"))

    def load_json(self, leaf, default=None):
        """Return what `keep_json` wrote."""
        try:
            return json.loads(read(self.path(leaf)).decode("ascii"))
        except (OSError, IOError, ValueError):
            return default


def first_installed(programs):
    """Return the first of some names of a program that this host has; the first of all where it has none."""
    return ([one for one in programs if which(one)] or programs)[0]


def upgrades(host):
    """Return every upgrade of this host, oldest first."""
    found = [Upgrade(host, name) for name in names_in(os.path.join(host.state, "upgrade"))]
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
        return json.loads(read(os.path.join(host.state, "upgrade-installed.json")).decode("ascii"))
    except (OSError, IOError, ValueError):
        return {"products": {}, "latest": None, "forced": []}


def best_copy(up):
    """Return the folder and index of the newest complete backup, or (None, None)."""
    for kind in ("cold", "hot"):
        try:
            text = read(os.path.join(up.path(kind), "index")).decode("ascii")
            return up.path(kind), json.loads(text)
        except (OSError, IOError, ValueError):
            continue
    return None, None
