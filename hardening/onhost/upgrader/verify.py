"""The verb `verify`: does the newest upgrade still hold?"""

from hardening.onhost.shared.probes import ask_probes
from hardening.onhost.upgrader.lost import lost_words
from hardening.onhost.upgrader.record import FINAL, upgrades
from hardening.onhost.upgrader.release import bare, version_of
from hardening.onhost.upgrader.services import filled_probes, services_before, stopped_services
from hardening.onhost.upgrader.status import pending_restarts


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
        problems += ["%s does not run" % one["name"] for one in stopped_services(up, services_before(up))]
        for row in ask_probes(filled_probes(up, "probes")):
            if not row["ok"]:
                problems.append("%s: %s" % (row["name"], row["problem"]))
    answer = {
        "changed": False,
        "problems": problems,
        "failed": bool(problems),
        "pending": pending_restarts(host),
    }
    answer["state"] = "drifted" if problems else "as-planned" if done else "nothing"
    answer["msg"] = "; ".join(problems)
    return answer
