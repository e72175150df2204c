"""Bring what an audit reads from a host into a private folder of the control machine."""

from __future__ import annotations

from pathlib import Path

from ansible_collections.aspect.hardening.plugins.plugin_utils.agent_action import AgentAction

from hardening.errors import UsageError
from hardening.host import gather
from hardening.host import checks


class ActionModule(AgentAction):
    """`aspect.hardening.collect`: see the module's documentation."""

    def answer(self, args):
        """Collect, and say how much; contents travel into files of this account alone, never into the result."""
        args = self.plain(args)
        if not args.get("to"):
            raise UsageError("to is missing", hint="name a folder of the control machine")
        label = str(self.task_vars.get("inventory_hostname", "host"))
        folder = Path(args["to"]) / label.replace("/", "_")
        paths = checks.wanted(more=self.several(args.get("paths")))
        copy = gather.host(
            self.session, folder / "tree", paths, label=label, root=args.get("root") or "/", engine=self.engine()
        )
        gather.save(copy, folder / "about.json")
        return {
            "files": copy.files,
            "changed": False,
            "failed": False,
            "msg": "%d paths, %d left" % (len(copy.seen), len(copy.left)),
            "paths": len(copy.seen),
            "left": len(copy.left),
        }
