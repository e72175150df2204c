"""Fill in the references to the host's secret store, and keep the store."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from ansible_collections.aspect.hardening.plugins.plugin_utils.agent_action import AgentAction

from hardening.errors import InputError, UsageError
from hardening.host.plans import accounts
from hardening.host.plans import vault_values
from hardening.host.plans import secrets
from hardening.host.plans.secret_text import checked


class ActionModule(AgentAction):
    """`aspect.hardening.credentials`: see the module's documentation."""

    def answer(self, args):
        """Read the store and the files, plan, and apply."""
        args = self.plain(args)
        store = args.get("store") or secrets.STORE
        every = accounts.accounts(args.get("accounts") or [])
        at = secrets.places(listed(args.get("list")), secrets.where_of(args.get("places") or []))
        facts = self.session.ask("facts", **secrets.wishes(at, store))
        vault = self._vault(args.get("secrets_from") or "")
        rotations = self._rotations(every, facts, store, vault, args.get("earlier_from") or "")
        plan = secrets.plan(
            at,
            vault,
            facts,
            store=store,
            services=tuple(vault_values.service(one, "credentials_services") for one in args.get("services") or []),
            probes=tuple(vault_values.probe(one, "credentials_probes") for one in args.get("probes") or []),
            rotations=rotations,
        )
        due = [one for one in every if one.name in rotations]
        state = args.get("state_dir") or "/var/lib/aspect-hardening"
        plan = plan.joined(accounts.plan(due, store, facts, state, datetime.now(UTC)))
        plan = replace(plan, deadman=float(args.get("deadman") or 0), install=bool(args.get("install")))
        return self.session.carry_out(plan, check=self._task.check_mode)

    def _rotations(self, every, facts, store, vault, earlier_from):
        """Return the new password of each account that is due, with the one it has where that is known."""
        had = secrets.stored(facts, store)
        leaked = checked(self._vault(earlier_from), "the earlier passwords")
        doubled = sorted(one.name for one in every if one.name in vault)
        if doubled:
            raise UsageError(
                "%s is rotated on the host and stands in credentials_secrets too" % doubled[0],
                hint="leave it out there: the host makes the password its own",
            )
        moment = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        return {
            one.name: secrets.Rotation(
                new=accounts.fresh(),
                earlier=leaked.get(one.name) or had.secrets.get(one.name) or "",
                moment=moment,
            )
            for one in accounts.due(every, had.rotated)
        }

    def _vault(self, name):
        """Return the secrets: the task names their variable, so that no argument that may be shown holds one."""
        value = self.plain(self._templar.template(self.task_vars.get(name) or {})) if name else {}
        if not isinstance(value, dict):
            raise UsageError("%s is no dictionary" % name, hint="name: value, from ansible-vault")
        return value


def listed(path):
    """Return the list of references, or an empty one where only the store is kept."""
    if not path:
        return {"schema": secrets.SCHEMA, "secrets": []}
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as problem:
        raise InputError(
            "%s: %s" % (path, problem), hint="harden bundle clean --secrets FILE writes it"
        ) from problem
