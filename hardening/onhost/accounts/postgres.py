"""Roles of PostgreSQL."""

import os
import pwd
import shutil
import tempfile

from hardening.onhost.accounts.account import Account
from hardening.onhost.accounts.clients import called, find_client, refused
from hardening.onhost.accounts.problem import AccountProblem
from hardening.onhost.accounts.statements import postgres_hash


class Postgres(Account):
    """A role of PostgreSQL."""

    def __init__(self, job, name):
        Account.__init__(self, job, name)
        self.program = find_client("psql")
        self.who = '"%s"' % self.user

    def ask(self, statement):
        """Return what the server answers its administrator over the local socket. Errors: Problem."""
        argv = [
            self.program,
            "-X",
            "-A",
            "-t",
            "-q",
            "-v",
            "ON_ERROR_STOP=1",
            "-d",
            "postgres",
        ] + self._where(self.socket)
        admin = self.admin or "postgres"
        row = pwd.getpwnam(admin) if os.getuid() == 0 else None
        code, output, complaint = called(
            argv + ["-U", admin], statement, (row.pw_uid, row.pw_gid) if row else None
        )
        if code:
            raise AccountProblem(self.masked(complaint) or "psql ended with %d" % code)
        return output

    def _where(self, host):
        return (["-h", host] if host else []) + (["-p", str(self.port)] if self.port else [])

    def rotate(self):
        """Give the role its new password. Errors: Problem."""
        old = self.ask(
            "SELECT coalesce(rolpassword, '-') FROM pg_authid WHERE rolname = '%s';" % self.user  # noqa: S608 - the name matches USER
        ).strip()
        if not old:
            raise AccountProblem("the server has no role %s" % self.who)
        self.keep({"undo": "ALTER ROLE %s PASSWORD %s" % (self.who, "NULL" if old == "-" else "'%s'" % old)})
        made = postgres_hash(self.ask("SHOW password_encryption;").strip(), self.user, self.new)
        self.hidden.append(made)
        self.ask("ALTER ROLE %s PASSWORD '%s';" % (self.who, made))

    def restore(self, found):
        """Put back what was found."""
        self.ask(found["undo"] + ";")

    def logs_in(self, password):
        """Return whether the role logs in over TCP with this password; a text where that could not be found out."""
        folder = tempfile.mkdtemp(prefix="aspect-")
        try:
            path = os.path.join(folder, "pgpass")
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            line = "*:*:*:*:%s\n" % password.replace("\\", "\\\\").replace(":", "\\:")
            os.write(descriptor, line.encode("utf-8"))
            os.close(descriptor)
            argv = [self.program, "-X", "-A", "-t", "-w", "-U", self.user, "-d", "postgres"] + self._where(
                "127.0.0.1"
            )
            code, _, complaint = called(argv, "SELECT 1;", more={"PGPASSFILE": path})
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        if code == 0:
            return True
        return False if refused(complaint) else self.masked(complaint)
