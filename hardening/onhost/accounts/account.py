"""One account of a job."""

import json
import os
import re

from hardening.onhost.accounts.job import at_home, home, loaded, written
from hardening.onhost.accounts.problem import AccountProblem

USER = re.compile(r"[A-Za-z0-9_.$-]{1,80}\Z")
HOST = re.compile(r"[A-Za-z0-9_.%:/-]{1,255}\Z")
HASHES = re.compile(r"\*[0-9A-F]{40}|SCRAM-SHA-256\S+|md5[0-9a-f]{32}|0x[0-9A-Fa-f]{16,}|\$A\$\S+")


class Account(object):
    """One account of a job, with what the store says of it."""

    def __init__(self, job, name):
        rows = [row for row in job["accounts"] if row["name"] == name]
        if not rows:
            raise AccountProblem("the job has no account %s" % name)
        row = rows[0]
        store = loaded(os.path.join(home(job), "store.json") if at_home(job) else job["store"])
        self.name, self.engine, self.user = name, row["engine"], row["user"]
        self.host, self.socket, self.port = (
            row.get("host") or "localhost",
            row.get("socket") or "",
            row.get("port"),
        )
        self.defaults, self.admin = row.get("defaults_file") or "", row.get("admin") or ""
        self.new, self.earlier = store["secrets"][name], store.get("earlier", {}).get(name)
        if not USER.match(self.user) or not HOST.match(self.host):
            raise AccountProblem("%s: this account's name cannot be written safely" % name)
        self.hidden = [self.new, self.earlier]
        self.kept = os.path.join(home(job), "found." + name + ".json")

    def masked(self, text):
        """Return a message without any secret and without line breaks."""
        for value in self.hidden:
            text = text.replace(value, "***") if value else text
        text = HASHES.sub("***", text)
        return " ".join(text.split())[:300]

    def keep(self, found):
        """Write down what the account had, readable by its owner alone, before anything changes."""
        if os.path.exists(self.kept):  # an earlier attempt of the same transaction saw the first state
            return
        written(self.kept, json.dumps(found).encode("ascii"))
