"""Bring the keys whose bundles a host installs, and show what has to be compared."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from ansible_collections.aspect.hardening.plugins.plugin_utils.agent_action import AgentAction

from hardening.errors import UsageError
from hardening.host.plans import trust


class ActionModule(AgentAction):
    """`aspect.hardening.trust`: see the module's documentation."""

    def answer(self, args):
        """Read the host's keys, plan, and apply."""
        args = self.plain(args)
        folder = args.get("folder") or trust.FOLDER
        if not args.get("file"):
            raise UsageError("no trust file is named", hint="-e trust_file=/path/trust.toml (docs/trust.md)")
        facts = self.session.ask("facts", **trust.wishes(folder))
        made = trust.plan(
            Path(args["file"]),
            facts,
            datetime.now(UTC),
            folder=folder,
            expected=[str(one) for one in self.several(args.get("expected"))],
        )
        plan = replace(made.plan, deadman=float(args.get("deadman") or 0), install=bool(args.get("install")))
        answer = self.session.carry_out(plan, check=self._task.check_mode)
        return dict(answer, **made.to_json())
