"""Writes what each host's tasks came to, one JSON object a line, for the command that started the playbook."""

from __future__ import annotations

import json
import os

from ansible.plugins.callback import CallbackBase

DOCUMENTATION = r"""
name: receipt
type: notification
short_description: Write one JSON line per task and host, and one per host at the end
description:
  - Does nothing unless the environment names a file. Results of tasks with C(no_log) are left out.
options: {}
"""

KEPT = ("msg", "state", "tx", "problems", "pending", "files", "notes", "changed", "failed", "transactions", "results", "upgrade", "upgrades", "engine", "audit", "owed", "left_stopped", "undoes", "trusted", "threshold")


class CallbackModule(CallbackBase):
    """Collects the results of the agent's tasks."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "notification"
    CALLBACK_NAME = "aspect.hardening.receipt"
    CALLBACK_NEEDS_ENABLED = True

    def _line(self, **row):
        path = os.environ.get("HARDEN_RECEIPT")
        if path:
            with open(path, "a", encoding="utf-8") as out:
                out.write(json.dumps(row, default=str) + "\n")

    def _result(self, word, result):
        # what a task returns is read through one name that every ansible-core from 2.16 to 2.21 has
        values = getattr(result, "result", None) or result._result
        task = getattr(result, "task", None) or result._task
        host = getattr(result, "host", None) or result._host
        kept = {} if values.get("_ansible_no_log") else {k: values[k] for k in KEPT if k in values}
        self._line(host=host.get_name(), task=task.get_name(), action=task.action, outcome=word, result=kept)

    def v2_playbook_on_play_start(self, play):
        # of hosts that a later batch would have held nobody hears where an earlier one fails
        meant = play.get_variable_manager().get_vars(play=play).get("ansible_play_hosts_all", [])
        self._line(meant=[str(name) for name in meant])

    def v2_runner_on_ok(self, result):
        self._result("ok", result)

    def v2_runner_on_failed(self, result, ignore_errors=False):
        self._result("failed", result)

    def v2_runner_on_unreachable(self, result):
        self._result("unreachable", result)

    def v2_playbook_on_stats(self, stats):
        for host in sorted(stats.processed):
            self._line(host=host, stats=stats.summarize(host))
