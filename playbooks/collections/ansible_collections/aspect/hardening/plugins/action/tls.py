"""Make a TLS policy hold on a server of the target, as one transaction, proved by a scan."""

from __future__ import annotations

from dataclasses import replace

from ansible_collections.aspect.hardening.plugins.plugin_utils.agent_action import AgentAction

from hardening.host.plans import tls


class ActionModule(AgentAction):
    """`aspect.hardening.tls`: see the module's documentation."""

    def answer(self, args):
        """Read the server's configuration, plan, apply, scan, and confirm or undo."""
        args = self.plain(args)
        server = tls.Server.of(args.get("server") or {}, policy=args.get("policy") or "aspect")
        facts = self.session.ask("facts", **tls.wishes(server))
        plan = tls.plan(server, facts)
        plan = replace(plan, deadman=float(args.get("deadman") or 0), install=bool(args.get("install")))
        if args.get("verb") == "verify":
            return self._verified(server, plan, args)
        for note in plan.notes:
            if note.startswith(tls.LOSS):  # who would lose access is said before anything is changed
                self._display.warning(note.removeprefix(tls.LOSS))
        prove = None
        if server.endpoints and args.get("prove", True):
            prove = lambda: tls.unproved(server.endpoints, server.policy)  # noqa: E731 - one expression
        answer = self.session.carry_out(plan, check=self._task.check_mode, prove=prove)
        answer["notes"] = list(plan.notes)
        return answer

    def _verified(self, server, plan, args):
        """Say whether files, server and wire are as planned; nothing is changed."""
        answer = self.session.ask("verify", plan=plan.to_json())
        wrong = list(answer.get("problems", []))
        if server.endpoints and args.get("prove", True):
            wrong += tls.unproved(server.endpoints, server.policy)
        answer.update(problems=wrong, failed=bool(wrong), state="drifted" if wrong else "as-planned")
        answer["msg"] = "; ".join(wrong)
        answer["notes"] = list(plan.notes)
        return answer
