"""Starts, reloads and stops services; a stopped service is never started by a change."""

import time

from hardening.onhost.shared.errors import Refused
from hardening.onhost.shared.init import init_system, service_command
from hardening.onhost.shared.processes import run

DEAD = (1, 2, 3)  # what a status says of a service that does not run (LSB; systemd says 3)
SETTLING = 1.5  # seconds in which a process that was dying when it got a reload is gone


def service_argv(service):
    """Return the command for a service's action: the plan's own, or this host's init system's."""
    return service.get("argv") or service_command(service["name"], service["action"])


def is_stopped(service):
    """Whether the init system reports that a service does not run. Errors: Refused for an unknown service."""
    if service.get("argv"):
        return False
    if init_system() == "systemd":
        argv = ["systemctl", "show", "-p", "LoadState", "-p", "ActiveState", service["name"]]
        code, output = run(argv, 20)
        unknown = "LoadState=not-found" in output
        still = "ActiveState=inactive" in output or "ActiveState=failed" in output
    else:
        code, output = run(service_argv(dict(service, action="status")), 20)
        unknown = "unrecognized service" in output
        # a script that knows no status exits so, too
        still = code in (1, 3) and "usage" not in output.lower()
    if unknown:
        raise Refused("%s is not a service of this host: check its name there" % service["name"])
    return still


def stopped_services(services, undoing=False):
    """Return the names of the services that do not run; for an undo, of unknown services too.

    Errors: Refused if a change would reload a stopped service: an undo would start it.
    """
    names = []
    for service in services:
        try:
            still = is_stopped(service)
        except Refused:
            if not undoing:
                raise
            still = True
        if still and service.get("action") == "reload" and not undoing:
            raise Refused(
                "%s does not run and cannot be reloaded: start it (%s), or leave it out"
                % (service["name"], start_command(service))
            )
        if still:
            names.append(service["name"])
    return names


def start_command(service):
    """Return the command that starts a service, for people."""
    return " ".join(service_argv(dict(service, action="start")))


def left_stopped(services, names, undoing=False):
    """Return the stopped services that stay stopped, and a message about them."""
    left = [one for one in services if one["name"] in names and (undoing or not one.get("starts"))]
    lines = ["%s does not run (%s)" % (one["name"], start_command(one)) for one in left]
    return [one["name"] for one in left], "skipped: " + ", ".join(lines) if lines else ""


def is_down(service):
    """Whether a service is down after its reload or restart: a reload may reach a process that is dying."""
    if service.get("argv") or service.get("action") not in ("reload", "restart"):
        return False
    time.sleep(SETTLING)
    if service["action"] == "restart":
        return service["name"] in stopped_services([service], undoing=True)
    return run(service_argv(dict(service, action="status")), 20)[0] in DEAD


def restart_instead(host, service):
    """Restart a service that cannot be reloaded, probably because the change ended it; return whether that worked."""
    if service.get("argv") or service.get("action") != "reload":
        return False
    if init_system() == "systemd":  # which starts nothing that died five times in ten seconds
        run(["systemctl", "reset-failed", service["name"]])
    return run_services(host, [dict(service, action="restart")])[0]["rc"] == 0


def run_services(host, services):
    """Run each service's action; return one row each."""
    rows = []
    for service in services:
        argv = service_argv(service)
        code, output = run(argv, service.get("timeout", 90))
        row = {"name": service["name"], "action": service.get("action", ""), "rc": code}
        rows.append(dict(row, output=host.masked(output) if code else ""))
    return rows
