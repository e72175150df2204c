"""Starts services, checks that everything stays up, and commits."""

import time

from hardening.onhost.shared.errors import Failed
from hardening.onhost.shared.files import remove
from hardening.onhost.upgrader.backup import packages, tree_of
from hardening.onhost.upgrader.database import dump
from hardening.onhost.upgrader.record import best_copy
from hardening.onhost.upgrader.release import bare, version_of
from hardening.onhost.upgrader.report import upgrade_result
from hardening.onhost.upgrader.services import (
    check_services,
    leave_maintenance,
    recipe_command,
    run_or_fail,
    services_before,
    services_to_run,
    start_again,
)
from hardening.onhost.upgrader.tidying import tidy_upgrade


def settle(host, up):
    """Start and restart services, leave the maintenance mode, and look whether everything stays up. Errors: Failed."""
    recipe = up.recipe()
    up.record("settling")
    before = services_before(up)
    start_again(up)
    for service in services_to_run(up):
        if service["during"] == "running" and service["restart"] == "auto":
            run_or_fail(up, "restart %s" % service["name"], recipe_command(up, service, "restart"))
    leave_maintenance(host, up)
    check_services(up, before)
    if recipe["settle"]:
        time.sleep(recipe["settle"])
        check_services(up, before)
    found = version_of(host, recipe)
    if recipe.get("version") and found != bare(up.manifest()["release"]):
        raise Failed("the host says release %s, not %s" % (found or "none", up.manifest()["release"]))
    up.record("settled")


def commit(host, up):
    """Make the upgrade final, and remember what the host looks like now."""
    after = {
        "paths": [tree_of(host.place(path)) for path in up.recipe()["paths"]],
        "packages": packages(host, up),
    }
    if up.recipe().get("database"):
        after["dump"] = dump(up, up.path("dump.after"))["sha256"]
        remove(up.path("dump.after"))
    after["last_tx"] = ([tx.name for tx in host.transactions()] or [""])[-1]
    before = best_copy(up)[1]
    up.keep_json("after.json", after)
    up.keep_json("result.json", upgrade_result(host, up, before, "committed"))
    up.record("committed")
    tidy_upgrade(host, up)
