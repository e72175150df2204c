"""Apply files, removals, commands, services and probes as one transaction."""

from __future__ import annotations

import base64

from ansible_collections.aspect.hardening.plugins.plugin_utils.agent_action import AgentAction

from hardening.errors import UsageError
from hardening.host import plan as planning


class ActionModule(AgentAction):
    """`aspect.hardening.transaction`: see the module's documentation."""

    def answer(self, args):
        """Carry the plan out, or predict it in check mode."""
        verb = args.pop("verb", "apply")
        args.pop("state_dir", None)
        if verb in ("status", "recover", "rollback", "uninstall", "facts"):
            more = self.plain({key: args[key] for key in ("id", "force", "read") if key in args})
            if verb in ("status", "facts"):
                return self.session.ask(verb, **more)
            if self._task.check_mode:
                if verb == "recover":
                    return self.session.ask("status")
                more["check"] = True
            return self.session.ask(verb, **more)
        plan = planned(self.plain(args))
        if verb == "verify":
            return self.session.ask("verify", plan=plan.to_json())
        return self.session.carry_out(plan, check=self._task.check_mode)


def planned(args):
    """Return a plan out of a task's arguments."""
    files = []
    for item in args.pop("files", []) or []:
        content = item.pop("content", None)
        encoded = item.pop("content_base64", None)
        if content is None and encoded is None:
            raise UsageError("%s: content is missing" % item.get("path"), hint="give content or content_base64")
        data = base64.b64decode(encoded) if encoded is not None else content.encode("utf-8")
        files.append(made(planning.File, dict(item, content=data)))
    args["files"] = tuple(files)
    for key, kind in (
        ("commands", planning.Command),
        ("validators", planning.Validator),
        ("services", planning.Service),
    ):
        args[key] = tuple(made(kind, item) for item in args.get(key) or [])
    args["remove"] = tuple(AgentAction.several(args.get("remove")))
    args["probes"] = tuple(args.get("probes") or [])
    return made(planning.Plan, args)


def made(kind, values):
    """Return one typed value; an unknown key is an error that names it."""
    known = set(kind.__dataclass_fields__)
    for key in values:
        if key not in known:
            raise UsageError("unknown key %r" % key, hint="known: " + ", ".join(sorted(known)))
    return kind(**{key: tuple(value) if isinstance(value, list) else value for key, value in values.items()})
