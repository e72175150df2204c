"""The recipe's services and the maintenance mode."""

import os
import time

from hardening.onhost.shared.copying import write
from hardening.onhost.shared.errors import Failed
from hardening.onhost.shared.files import make_dirs, remove
from hardening.onhost.shared.init import service_command
from hardening.onhost.shared.probes import probe_or_fail
from hardening.onhost.shared.processes import run
from hardening.onhost.shared.texts import clock
from hardening.onhost.upgrader.record import best_copy


def recipe_command(up, service, action):
    """Return the command for one action on a service: the recipe's own, or the init system's."""
    key = "restart_with" if action == "restart" else action  # `restart` itself says when
    if service.get(key):
        return up.fill(service[key])
    return service_command(service["name"], action)


def is_up(up, service):
    """Whether the service says that it runs."""
    return run(recipe_command(up, service, "status"), 60)[0] == 0


def await_down(up, service):
    """Wait until a service has stopped: some stop commands return earlier."""
    deadline = clock() + 15
    while is_up(up, service) and clock() < deadline:
        time.sleep(0.1)


def running_services(up):
    """Return the names of the recipe's services that run."""
    return [one["name"] for one in up.recipe()["services"] if is_up(up, one)]


def stopped_services(up, names):
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
            make_dirs(os.path.dirname(flag), 0o755)
            write(flag, ("upgrade to %s\n" % up.manifest()["release"]).encode("utf-8"), 0o644)
    if maintenance.get("on"):
        run_or_fail(up, "maintenance on", up.fill(maintenance["on"]))
    for service in up.recipe()["services"]:
        if service["during"] == "stopped" and is_up(up, service):
            run_or_fail(up, "stop %s" % service["name"], recipe_command(up, service, "stop"))
            await_down(up, service)


def leave_maintenance(host, up):
    """Take the maintenance mode away again; doing it twice is doing it once."""
    maintenance = up.recipe()["maintenance"]
    if maintenance.get("off"):
        run_or_fail(up, "maintenance off", up.fill(maintenance["off"]))
    if maintenance.get("flag") and up.reached("flagged"):
        remove(host.place(maintenance["flag"]))


def run_or_fail(up, what, argv, timeout=180):
    """Run a command that has to succeed. Errors: Failed naming it."""
    code, output = run(argv, timeout)
    if code != 0:
        raise Failed("%s: %s exited %d: %s" % (what, argv[0], code, output.strip()[-300:]))


def start_again(up):
    """Start what the maintenance mode stopped: what configures and proves the host needs it to answer."""
    for service in services_to_run(up):
        if service["during"] == "stopped" and not is_up(up, service):
            run_or_fail(up, "start %s" % service["name"], recipe_command(up, service, "start"))


def services_to_run(up):
    """Return the services that ran before the upgrade or always do: what somebody has stopped stays so."""
    before = services_before(up)
    return [s for s in up.recipe()["services"] if s["name"] in before or s.get("always")]


def services_before(up):
    """Return the services that ran before the upgrade."""
    index = best_copy(up)[1]
    return (index or {}).get("services", [])


def check_services(up, before):
    """Ask every service that ran before, and every probe. Errors: Failed naming what does not run."""
    down = [service["name"] for service in stopped_services(up, before)]
    if down:
        raise Failed("after the upgrade %s does not run" % ", ".join(down))
    probe_or_fail(filled_probes(up, "probes"))


def filled_probes(up, key):
    """Return the recipe's probes with their commands filled."""
    return [
        dict(one, argv=up.fill(one["argv"])) if "argv" in one else one for one in up.recipe().get(key, [])
    ]
