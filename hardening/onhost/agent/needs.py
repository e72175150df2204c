"""What a plan needs: commands, services, room on the disk."""

import os

from hardening.onhost.shared.errors import Refused
from hardening.onhost.shared.journal import JOURNAL_ROOM
from hardening.onhost.shared.metadata import is_immutable
from hardening.onhost.shared.processes import run
from hardening.onhost.shared.texts import shown


def needed_commands(plan):
    """Return the commands of the plan that are not so already."""
    needed = []
    for command in plan.get("commands", []):
        if not command.get("check") or run(command["check"], command.get("timeout", 60))[0] != 0:
            needed.append(command)
    return needed


def affected_services(host, plan, entries, commands):
    """Return the services that the changes concern."""
    changed = set(shown(entry["path"]) for entry in entries)
    found = []
    for service in plan.get("services", []):
        paths = service.get("paths")
        if paths is None or changed & set(shown(host.place(path)) for path in paths):
            found.append(service)
    return found if entries or commands else []


def nearest_folder(folder):
    """Return a folder, or the nearest one above it that is there."""
    while not os.path.isdir(folder):
        folder = os.path.dirname(folder)
    return folder


def check_room(host, entries):
    """Refuse when a place cannot be written, or the disk has no room for the copies and the new files."""
    need = {}
    state = nearest_folder(host.state)  # check mode makes none
    for entry in entries:
        folder = nearest_folder(os.path.dirname(entry["path"]))
        if os.statvfs(folder).f_flag & 1:
            raise Refused("%s lies on a read-only file system: remount it first" % shown(entry["path"]))
        for place in (entry["path"], folder):
            if is_immutable(place):
                raise Refused(
                    "%s is immutable or append-only: remove that attribute first (chattr -i -a %s)"
                    % (shown(place), shown(place))
                )
        size = (entry["new"] or {}).get("size", 0) + 4096
        for place, bytes_ in ((folder, size), (state, (entry["old"] or {}).get("size", 0) + 4096)):
            device = os.stat(place).st_dev
            need[device] = (place, need.get(device, (place, JOURNAL_ROOM + 65536))[1] + bytes_)
    for place, bytes_ in need.values():
        free = os.statvfs(place)
        if free.f_bavail * free.f_frsize < bytes_:
            raise Refused("%s has no space for %d bytes: free space there first" % (shown(place), bytes_))
