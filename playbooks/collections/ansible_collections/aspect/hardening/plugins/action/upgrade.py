"""Install a verified bundle on one host, prove it, or lead the host back."""

from __future__ import annotations

import dataclasses
import json
import os
import time
from pathlib import Path

from ansible.errors import AnsibleActionFail
from ansible_collections.aspect.hardening.plugins.plugin_utils.agent_action import LOOKS, AgentAction

from hardening.errors import InputError
from hardening.host import onhost_request
from hardening.host.plans import tls
from hardening.upgrade import audited, hostaudit, infra
from hardening.upgrade import orchestrator
from hardening.upgrade.admission import AdmittedUpgrade

BEAT = 10
"""Seconds after which a host is told that somebody is still there, while its files are brought for the audit."""


class ActionModule(AgentAction):
    """`aspect.hardening.upgrade`: see the module's documentation."""

    TRANSFERS_FILES = True
    uploads = 0

    def answer(self, args):
        """Answer one verb; what is said of the host lies under `upgrade`."""
        args = self.plain(args)
        self.root, self.state = args.get("root") or "/", args.get("state_dir") or None
        self.progress, verb = args.get("progress") or "", args.get("verb", "install")
        if verb in ("status", "verify"):
            return self._plain_verb(verb, args)
        if verb == "audit":
            return self._audited(args)
        if verb == "rollback" and not args.get("job"):
            conductor = orchestrator.Orchestrator(ask=self.ask, job=None, say=self._say, log=self._log(args))
            return self._newest_back(conductor, args)
        conductor = orchestrator.Orchestrator(
            ask=self.ask,
            job=self._job(args),
            upload=self._upload,
            say=self._say,
            log=self._log(args),
            by=args.get("by") or "",
            deadman=float(args.get("deadman") or 900),
            install_agent=bool(args.get("install", True)),
            force_older=args.get("force_older") or "",
        )
        conductor.audit = self._audit(args, conductor)
        if verb == "look":
            return self._looked(conductor)
        if self._task.check_mode:
            looked = self._looked(conductor)
            if conductor.audit is not None and looked["upgrade"]["verdict"] == "fit":
                looked["upgrade"]["audit"] = conductor.audit.planned()
            return dict(looked, changed=looked["upgrade"]["verdict"] in ("fit", "open"))
        if verb == "install":
            return self._said(conductor.install())
        if verb == "finish":
            return self._said(conductor.finish(args["id"], self._proof(args)))
        return self._said(conductor.back(args["id"], args.get("why") or "the configuration failed"))

    def ask(self, verb, **more):
        """Ask the host's program one verb."""
        request = dict({"verb": verb, "root": self.root}, **more)
        if self.state:
            request["state"] = self.state
        self.session.changing |= request["verb"] not in LOOKS
        output, complaint = self._execute(onhost_request.program(request, onhost_request.UPGRADER))
        return onhost_request.answer(output, complaint=complaint, where=self.session.where)

    def _status(self, **more):
        """Return what the host says of its upgrades. Errors: InputError; where it could not look there need not be none."""
        answer = self.ask("status", **more)
        if answer.get("failed"):
            raise InputError("%s was not examined: %s" % (self.session.where, answer.get("msg")))
        return answer

    def _plain_verb(self, verb, args):
        answer = self.ask(verb)
        if verb == "verify" and args.get("infra"):
            wrong = infra.failures(self.session.where, self._inventories(), Path(args["infra"]))
            answer["problems"] = answer.get("problems", []) + wrong
            answer["failed"], answer["msg"] = bool(answer["problems"]), "; ".join(answer["problems"])
        answer["upgrade"] = {key: answer[key] for key in ("version", "alive", "problems", "state") if key in answer}
        return answer

    def _audited(self, args):
        """Audit the host as its newest upgrade left it, against what was there before that upgrade."""
        known = self._status(audited=True).get("audited")
        if not known:
            why = "no upgrade was made on this host; harden host audit looks at any host"
            return {"changed": False, "audit": dict(audited.unknown(why), skipped=True)}
        said, wrong = self._looks(args, known["paths"], self.session).after(known["before"])
        return {"changed": False, "failed": bool(wrong), "msg": "; ".join(wrong), "audit": said}

    def _inventories(self):
        return [str(one) for one in self.task_vars.get("ansible_inventory_sources") or []]

    def _newest_back(self, conductor, args):
        """Lead back the newest upgrade of the host, finished or not."""
        rows = [one for one in self._status()["upgrades"] if one["state"] != "rolled-back"]
        wanted = [one for one in rows if args.get("id") in (None, "", one["id"])]
        if not wanted:
            return {"changed": False, "upgrade": {"state": "nothing", "later": True}, "msg": "no upgrade to lead back"}
        if args.get("newest") and wanted[-1]["later"]:
            row = {"state": "nothing", "later": True}
            return {"changed": False, "upgrade": row, "msg": "a transaction was made after the upgrade; it goes first"}
        found = conductor.back(
            wanted[-1]["id"], args.get("why") or "asked for", force=bool(args.get("force")), check=self._task.check_mode
        )
        return self._said(found)

    def _looked(self, conductor):
        looked = conductor.look()
        bad = looked["verdict"] in orchestrator.STOPS
        kept = ("verdict", "problems", "installed", "disk", "paths", "services", "open", "python")
        row = {key: looked.get(key) for key in kept}
        row.update({"state": looked["verdict"], "from": looked.get("installed", "")})
        if self._task.check_mode:
            row["to"] = conductor.job.release
        return {"changed": False, "failed": bad, "upgrade": row, "msg": "; ".join(looked["problems"])}

    def _said(self, found):
        self._say(stage=orchestrator.WORDS.get(found["state"], found["state"]), text="")
        state, why = found["state"], "; ".join(found.get("problems") or [])
        if state == "would-change":
            why = "upgrade %s would be rolled back: %s" % (found["id"], ", ".join(found["paths"]))
        answer = {"changed": bool(found.get("changed")), "failed": bool(found.get("failed"))}
        answer["msg"] = "%s: %s" % (state, why) if why else state
        answer["upgrade"] = {key: value for key, value in found.items() if key not in ("changed", "failed")}
        if answer["failed"]:
            answer["problems"] = found.get("problems") or [state]
        return answer

    def _proof(self, args):
        """Return what looks at the host from outside: a scan of its endpoints, the operator's testinfra settings."""
        endpoints, policy = self.several(args.get("endpoints")), args.get("policy") or "aspect"
        settings, sources = args.get("infra"), self._inventories()

        def prove():
            wrong = list(tls.unproved(endpoints, policy)) if endpoints else []
            return wrong + (infra.failures(self.session.where, sources, Path(settings)) if settings else [])

        return prove if endpoints or settings else None

    def _audit(self, args, conductor):
        """Return how the host is audited; a host that waits for the upgrade's end hears of it on the way."""
        if not args.get("audit") or args.get("verb") not in (None, "install", "finish"):
            return None
        heard = [time.monotonic()]

        def execute(program):
            if args.get("id") and time.monotonic() - heard[0] > BEAT:
                heard[0] = time.monotonic()
                conductor.ask("watch", id=args["id"], wait=0)
            return self._execute(program)

        session = dataclasses.replace(self.session, execute=execute)
        return self._looks(args, conductor.job.recipe["paths"], session)

    def _looks(self, args, paths, session):
        return hostaudit.of_host(
            session,
            root=self.root,
            paths=[*paths, *self.several(args.get("audit_paths"))],
            policy=args.get("policy") or "aspect",
            fail_on=args.get("audit_fail_on") or "medium",
            waiver_file=args.get("audit_waivers") or "",
            scanned=bool(args.get("endpoints")),
            engine=self.engine(),
            folder=Path(self.progress).parent if self.progress else None,
        )

    def _job(self, args):
        job = args.get("job")
        advice = "run harden upgrade apply, which verifies it first"
        if not job:
            raise AnsibleActionFail("no verified bundle: " + advice)
        try:
            return AdmittedUpgrade(**(json.loads(Path(job).read_text(encoding="utf-8")) if isinstance(job, str) else job))
        except (OSError, ValueError, TypeError) as problem:
            raise AnsibleActionFail("no verified bundle in the job (%s): %s" % (problem, advice)) from None

    def _upload(self, path):
        if self.session.where and self._connection.transport == "local":
            return str(path)
        folder = self._connection._shell.tmpdir or self._make_tmp_path()
        self.uploads += 1
        remote = self._connection._shell.join_path(folder, "upload.%d" % self.uploads)
        self._transfer_file(str(path), remote)
        self._fixup_perms2((folder, remote), execute=False)
        return remote

    def _log(self, args):
        folder = args.get("logs")
        return Path(folder) / ("%s.log" % self.session.where.replace("/", "_")) if folder else None

    def _say(self, **event):
        if not self.progress:
            return
        line = json.dumps(dict(event, host=self.session.where, time=time.time())) + "\n"
        descriptor = os.open(self.progress, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            os.write(descriptor, line.encode())
        finally:
            os.close(descriptor)
