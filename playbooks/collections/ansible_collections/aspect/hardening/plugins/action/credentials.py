"""Fill in the references to the host's secret store, and keep the store."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from ansible_collections.aspect.hardening.plugins.action.transaction import made
from ansible_collections.aspect.hardening.plugins.plugin_utils.agent_action import AgentAction

from hardening.errors import InputError, UsageError
from hardening.host import plan as planning
from hardening.host import secrets_plan


class ActionModule(AgentAction):
    """`aspect.hardening.credentials`: see the module's documentation."""

    def answer(self, args):
        """Read the store and the files, plan, and apply."""
        args = self.plain(args)
        store = args.get("store") or secrets_plan.STORE
        at = secrets_plan.places(listed(args.get("list")), secrets_plan.where_of(args.get("places") or []))
        facts = self.session.ask("facts", **secrets_plan.wishes(at, store))
        plan = secrets_plan.plan(
            at,
            self._vault(args.get("secrets_from") or ""),
            facts,
            store=store,
            services=tuple(made(planning.Service, one) for one in args.get("services") or []),
            probes=tuple(args.get("probes") or []),
        )
        plan = replace(plan, deadman=float(args.get("deadman") or 0), install=bool(args.get("install")))
        return self.session.carry_out(plan, check=self._task.check_mode)

    def _vault(self, name):
        """Return the secrets: the task names their variable, so that no argument that may be shown holds one."""
        value = self.plain(self._templar.template(self.task_vars.get(name) or {}))
        if not isinstance(value, dict):
            raise UsageError("%s is no dictionary" % name, hint="name: value, from ansible-vault")
        return value


def listed(path):
    """Return the list of references, or an empty one where only the store is kept."""
    if not path:
        return {"schema": secrets_plan.SCHEMA, "secrets": []}
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as problem:
        raise InputError(
            "%s: %s" % (path, problem), hint="harden bundle clean --secrets FILE writes it"
        ) from problem
