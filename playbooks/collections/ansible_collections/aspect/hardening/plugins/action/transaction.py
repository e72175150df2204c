"""Apply files, removals, commands, services and probes as one transaction."""

from __future__ import annotations

import base64
import re
from pathlib import Path

from ansible_collections.aspect.hardening.plugins.plugin_utils.agent_action import AgentAction

from hardening.errors import UsageError
from hardening.host.plans import vault_values
from hardening.host.plans import plan as planning


class ActionModule(AgentAction):
    """`aspect.hardening.transaction`: see the module's documentation."""

    def answer(self, args):
        """Carry the plan out, or predict it in check mode."""
        verb = args.pop("verb", "apply")
        args.pop("state_dir", None)
        if verb in ("status", "recover", "rollback", "uninstall", "facts"):
            more = {key: args[key] for key in ("id", "force", "read") if key in args}
            if verb in ("status", "facts"):
                return self.session.ask(verb, **more)
            if self._task.check_mode:
                if verb == "recover":
                    return self.session.ask("status")
                more["check"] = True
            return self.session.ask(verb, **more)
        plan = planned(args)
        if verb == "verify":
            return self.session.ask("verify", plan=plan.to_json())
        return self.session.carry_out(plan, check=self._task.check_mode)


def planned(args):
    """Return a plan out of a task's arguments."""
    args["files"] = tuple(written(item) for item in args.get("files") or [])
    for key, kind in (("commands", planning.Command), ("validators", planning.Validator)):
        args[key] = tuple(vault_values.typed(kind, item, key) for item in args.get(key) or [])
    args["services"] = tuple(vault_values.service(item) for item in args.get("services") or [])
    args["probes"] = tuple(vault_values.probe(item) for item in args.get("probes") or [])
    args["remove"] = tuple(args.get("remove") or [])
    for path in args["remove"]:
        if "*" in path or "?" in path:  # taken as a name it is never there, and the answer were that all is well
            raise UsageError("remove: %s is a pattern" % path, hint="name every file, or the folder that holds them")
    return vault_values.typed(planning.Plan, args, "transaction")


def written(item):
    """Return one file of the plan."""
    item = dict(vault_values.mapping(item, "files"))
    where = "files: %s" % item.get("path", "one without a path")
    content, encoded, src = (item.pop(key, None) for key in ("content", "content_base64", "src"))
    if src is not None:
        try:
            content, encoded = None, base64.b64encode(Path(str(src)).read_bytes())
        except OSError as problem:
            raise UsageError("%s: %s: %s" % (where, src, problem.strerror), hint="name a file of this machine") from None
    if content is None and encoded is None:
        raise UsageError("%s: content is missing" % where, hint="give content, content_base64 or src")
    if isinstance(content, (dict, list)):
        raise UsageError("%s: content is not text" % where, hint="such as content: \"{{ value | to_nice_json }}\"")
    try:
        data = base64.b64decode(encoded, validate=True) if encoded is not None else str(content).encode("utf-8")
    except (TypeError, ValueError):
        raise UsageError("%s: content_base64 is not Base64" % where, hint="such as \"{{ value | b64encode }}\"") from None
    made = vault_values.typed(planning.File, dict(item, content=data), where)
    if made.mode is not None and not re.fullmatch("[0-7]{3,4}", made.mode):
        raise UsageError("%s: the mode %r is not octal" % (where, made.mode), hint='such as mode: "0644"')
    return made
