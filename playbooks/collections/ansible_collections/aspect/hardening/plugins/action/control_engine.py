"""Set the control engine's port; the restart is left to a person unless it was asked for."""

from __future__ import annotations

from dataclasses import replace

from ansible_collections.aspect.hardening.plugins.plugin_utils.agent_action import AgentAction

from hardening.host.plans import engine as engine_plan


class ActionModule(AgentAction):
    """`aspect.hardening.control_engine`: see the module's documentation."""

    def answer(self, args):
        """Look at the engine, plan, apply, and say what is pending."""
        args = self.plain(args)
        args.pop("state_dir", None)
        args.update({key: self.several(args[key]) for key in ("clients", "restart_argv", "sources") if key in args})
        deadman, install = float(args.pop("deadman", 0) or 0), bool(args.pop("install", False))
        wish = engine_plan.DesiredPort.of(dict(args, by=self.session.by))
        if wish.port is None:
            return self.looked(wish)
        facts = self.session.ask("facts", **engine_plan.wishes(wish))
        plan = replace(engine_plan.plan(wish, facts), deadman=deadman, install=install)
        answer = self.session.carry_out(plan, check=self._task.check_mode)
        after = facts if self._task.check_mode else self.session.ask("facts", **engine_plan.wishes(wish, filters=False))
        engine = engine_plan.seen(wish, after)
        asks = wish.restart == "ask" and engine.restart_pending and not self._task.check_mode
        answer["engine"] = dict(engine_plan.described(engine), ask=asks)
        return answer

    def looked(self, wish):
        """Return what the engine is like; where nobody named its file and there is none, the host has no engine."""
        facts = self.session.ask("facts", **engine_plan.wishes(wish, filters=False))
        if not wish.config and (absent := engine_plan.absent(wish, facts)):
            return {"changed": False, "engine": None, "msg": absent}
        engine = engine_plan.seen(wish, self.session.ask("facts", **engine_plan.wishes(wish)))
        return {"changed": False, "engine": dict(engine_plan.described(engine), ask=False), "msg": engine.line}
