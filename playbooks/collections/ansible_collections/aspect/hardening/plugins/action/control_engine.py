"""Set the control engine's port; the restart is left to a person unless it was asked for."""

from __future__ import annotations

from dataclasses import replace

from ansible_collections.aspect.hardening.plugins.plugin_utils.agent_action import AgentAction

from hardening.host import engine_plan


class ActionModule(AgentAction):
    """`aspect.hardening.control_engine`: see the module's documentation."""

    def answer(self, args):
        """Look at the engine, plan, apply, and say what is pending."""
        args = self.plain(args)
        args.pop("state_dir", None)
        args.update({key: self.several(args[key]) for key in ("clients", "restart_argv") if key in args})
        deadman, install = float(args.pop("deadman", 0) or 0), bool(args.pop("install", False))
        wish = engine_plan.Wish.of(dict(args, by=self.session.by))
        facts = self.session.ask("facts", **engine_plan.wishes(wish))
        plan = replace(engine_plan.plan(wish, facts), deadman=deadman, install=install)
        answer = self.session.carry_out(plan, check=self._task.check_mode)
        after = facts if self._task.check_mode else self.session.ask("facts", **engine_plan.wishes(wish))
        engine = engine_plan.seen(wish, after)
        answer["engine"] = {
            "configured": engine.configured,
            "running": list(engine.running),
            "restart_pending": engine.restart_pending,
            "line": engine.line,
            "ask": wish.restart == "ask" and engine.restart_pending and not self._task.check_mode,
            "clients": ["%s:%d" % (one.path, one.line) for one in engine.clients],
        }
        return answer
