"""The end of an upgrade: the record of what is installed, and what is removed."""

import json
import os
import shutil

from hardening.onhost.shared.copying import replace
from hardening.onhost.shared.files import remove
from hardening.onhost.upgrader.record import FINAL, installed_record, upgrades


def tidy_upgrade(host, up):
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
    replace(
        os.path.join(host.state, "upgrade-installed.json"), json.dumps(state, sort_keys=True).encode("ascii")
    )
    remove_leftovers(up)
    up.record("tidy")
    done = [one for one in upgrades(host) if one.state() in FINAL]
    for one in done[: -max(1, int(manifest.get("keep", 3)))]:
        shutil.rmtree(one.dir)


def tidy_all(host):
    """Finish what an end that was interrupted left."""
    for up in upgrades(host):
        tidy_upgrade(host, up)


def remove_leftovers(up):
    """Remove what a finished upgrade needs no more; the copies stay for a later rollback."""
    for leaf in ("work", "bundle", "signature", "ballast", "order"):
        remove(up.path(leaf))
    remove(os.path.join(up.host.state, "upgrade-open"))
