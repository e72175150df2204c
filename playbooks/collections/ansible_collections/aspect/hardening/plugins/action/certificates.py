"""Replace a server's weak, expired and soon expiring certificates; the keys are made on the host and stay there."""

from __future__ import annotations

from ansible_collections.aspect.hardening.plugins.plugin_utils.agent_action import AgentAction

from hardening.host import certificate_run


class ActionModule(AgentAction):
    """`aspect.hardening.certificates`: see the module's documentation."""

    def answer(self, args):
        """Look, and where something is due: report it, or make, fetch, check, swap and prove."""
        args = self.plain(args)
        run = certificate_run.CertificateRun.of(
            args,
            session=self.session,
            host=self.task_vars.get("inventory_hostname", "localhost"),
            check=self._task.check_mode,
        )
        answer = run.answer()
        for one in answer["notes"]:
            self._display.warning(one)
        return answer
