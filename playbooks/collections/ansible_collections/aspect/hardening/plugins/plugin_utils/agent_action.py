"""What the action plugins of this collection share: a session with the agent over the task's own connection."""

from __future__ import annotations

import importlib
import json

import yaml
from ansible.errors import AnsibleAction, AnsibleActionFail, AnsibleConnectionFailure, AnsibleError
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.module_utils.errors import UnsupportedError
from ansible.plugins.action import ActionBase

try:
    from hardening.cli.caller import user
    from hardening.errors import HardeningError, UsageError
    from hardening.host import session, onhost_request
    from hardening.host.plans.vault_values import number
except ImportError as missing:
    raise AnsibleActionFail(
        "the Python that runs Ansible has no aspect-hardening (%s): install it there from the checkout "
        "(pip install '.[ansible]') or from its wheel file" % missing
    ) from missing


LOOKS = ("facts", "status", "verify", "audit", "look")


def specification(name):
    """Return which arguments a module takes, and of which type, out of its documentation."""
    plugins = "ansible_collections.aspect.hardening.plugins."
    documented = yaml.safe_load(importlib.import_module(plugins + "modules." + name).DOCUMENTATION)
    options = dict(documented["options"])
    if documented.get("extends_documentation_fragment"):
        shared = importlib.import_module(plugins + "doc_fragments.agent").ModuleDocFragment
        options = dict(yaml.safe_load(shared.DOCUMENTATION)["options"], **options)
    kept = ("type", "elements", "choices", "required")
    return {key: {word: one[word] for word in kept if word in one} for key, one in options.items()}


class AgentAction(ActionBase):
    """An action that asks the agent on the target; subclasses say what."""

    TRANSFERS_FILES = False
    _supports_check_mode = True
    _supports_async = False

    def run(self, tmp=None, task_vars=None):
        """Answer the task; every failure of the toolkit is a failed task with one clear line."""
        result = super().run(tmp, task_vars)
        self.task_vars = task_vars or {}
        self.session = session.Session(
            execute=self._execute,
            where=self.task_vars.get("inventory_hostname", "the host"),
            reconnect=self._reconnect,
            by=user(),
            state=self._task.args.get("state_dir") or None,
        )
        try:
            answer = self.answer(self.arguments())
        except AnsibleConnectionFailure:
            raise
        except (HardeningError, AnsibleError) as problem:
            # newer releases print a cause behind what it caused, and both would say the same
            raise self._failure(problem) from None
        return self.reported(result, answer)

    def _failure(self, problem):
        """Return what fails the task, and whether the host was asked to change anything before."""
        text, hint = str(problem), getattr(problem, "hint", "")
        if "sudo password" in text and not isinstance(problem, (HardeningError, AnsibleAction)):
            hint = onhost_request.SUDO
        text = "%s (%s)" % (text, hint) if hint else text
        looks = self._task.check_mode or self._task.args.get("verb") in LOOKS
        if self.session.changing or looks:
            return AnsibleActionFail(text)
        return AnsibleActionFail(
            session.summary({"state": "refused", "msg": text}), result={"state": "refused", "changed": False}
        )

    def arguments(self):
        """Return the task's arguments as the module's documentation has them: `-e aspect_force=false` is the text "false".

        Errors: UsageError naming every argument that is unknown, missing or of another type.
        """
        name = type(self).__module__.rpartition(".")[2]
        given = self.plain({key: value for key, value in self._task.args.items() if value is not None})
        checked = ArgumentSpecValidator(specification(name)).validate(given)
        wrong = [
            "unknown: " + one.msg if isinstance(one, UnsupportedError) else one.msg for one in checked.errors.errors
        ]
        if wrong:
            raise UsageError("; ".join(wrong), hint="ansible-doc aspect.hardening.%s" % name)
        if "deadman" in given:
            number(given["deadman"], "deadman")
        return {key: checked.validated_parameters[key] for key in given}

    def answer(self, args):
        """Return the agent's answer for this task's arguments."""
        raise NotImplementedError

    def engine(self):
        """Return what the inventory says of this host's control engine, for an audit of the host."""
        said = {word: self.task_vars.get("control_engine_" + word) for word in ("config", "key", "process")}
        return {word: str(self._templar.template(value)) for word, value in said.items() if value}

    def reported(self, result, answer):
        """Turn the agent's answer into what Ansible prints: changed, failed, msg, diff."""
        if answer.get("left_stopped"):
            self._display.warning("%s: %s" % (self.session.where, answer["msg"]))
        diffs = answer.pop("diff", [])
        result.update(answer)
        result["msg"] = session.summary(answer) if answer.get("state") else answer.get("msg", "")
        result["diff"] = [{"prepared": "%s\n%s" % (one["path"], one["text"])} for one in diffs]
        if self._task.check_mode and answer.get("state") == "refused" and answer.get("changed"):
            result["changed"] = False
        return result

    def _execute(self, program):
        done = self._low_level_execute_command("%s -" % self._interpreter(), in_data=program, sudoable=True)
        return done["stdout"], done["stderr"]

    def _interpreter(self):
        named = self.task_vars.get("ansible_python_interpreter") or ""
        if named and not named.startswith("auto"):
            return self._templar.template(named)
        known = getattr(self._connection, "_aspect_python", None)
        if known:
            return known
        said = self._low_level_execute_command(onhost_request.SHELL_PROBE, sudoable=True)["stdout"]
        _, found, python = said.partition("@@PYTHON@@")
        if not found:
            raise AnsibleActionFail(
                "no usable Python on %s (%s): name one with ansible_python_interpreter"
                % (self.task_vars.get("inventory_hostname"), said.partition("@@NOPYTHON@@")[2].strip())
            )
        self._connection._aspect_python = python.split()[0]
        return self._connection._aspect_python

    def _reconnect(self):
        python = getattr(self._connection, "_aspect_python", None)
        self._connection.reset()
        self._connection._aspect_python = python

    @staticmethod
    def plain(value):
        """Return a value without Ansible's own string types."""
        return json.loads(json.dumps(value, default=str))

    @staticmethod
    def several(value):
        """Return a list of texts; one text is read as Ansible reads it where a list is due, with commas between."""
        return value.split(",") if isinstance(value, str) else list(value or [])
