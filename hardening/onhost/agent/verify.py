"""The verb `verify`: is the host as the plan wants it?"""

from hardening.onhost.agent.comparing import compare
from hardening.onhost.agent.needs import needed_commands
from hardening.onhost.agent.pending import pending_ports
from hardening.onhost.agent.staging import run_validators
from hardening.onhost.shared.host import plan_path
from hardening.onhost.shared.probes import ask_probes


def do_verify(host, plan):
    """Say whether the host is as the plan wants it: files, commands, validators, probes. Nothing is changed."""
    entries = compare(host, plan)
    problems = ["%s is not as planned" % plan_path(host, entry["path"]) for entry in entries]
    problems += ["%s is not so" % command["name"] for command in needed_commands(plan)]
    rows = run_validators(host, plan.get("validators", []), "placed")
    problems += ["%s says no: %s" % (r["name"], r["output"].strip()) for r in rows if r["rc"] != 0]
    probes = ask_probes(plan.get("probes", []))
    problems += ["probe failed: %s: %s" % (r["name"], r["problem"]) for r in probes if not r["ok"]]
    waiting = [row for row in pending_ports(host) if not row["resolved"]]
    answer = {"changed": False, "problems": problems, "pending": waiting, "probes": probes}
    answer.update(validators=rows, failed=bool(problems), state="as-planned" if not problems else "drifted")
    if problems:
        answer["msg"] = "; ".join(problems)
    return answer
