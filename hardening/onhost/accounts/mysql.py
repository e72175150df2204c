"""Accounts of MySQL and MariaDB."""

import os
import sys

from hardening.onhost.accounts.account import Account
from hardening.onhost.accounts.clients import TIMEOUT, called, find_client, piped, refused, stranger
from hardening.onhost.accounts.problem import AccountProblem
from hardening.onhost.accounts.statements import mysql_statement, native_hash, numbers, quoted


class Mysql(Account):
    """An account of MySQL or MariaDB."""

    def __init__(self, job, name):
        Account.__init__(self, job, name)
        self.who = "'%s'@'%s'" % (self.user, self.host)
        self.program = find_client("mariadb", "mysql")

    def client(self, statement, user=None, password=None):
        """Ask the server as the administrator, or as `user` with `password`.

        The options reach the client through a pipe that only its own user can open. A trial login runs under a user id that
        nobody else has: the server cannot let it in for its account on the system, and no other process can read the pipe.
        """
        if user is None and self.defaults:
            argv = [self.program, "--defaults-file=" + self.defaults]
            return called(argv + self._options(), statement)
        lines = ["[client]", "user=" + (user or self.admin or "root")]
        if password is not None:
            lines.append('password="%s"' % password.replace("\\", "\\\\").replace('"', '\\"'))
        if self.socket:
            lines.append("socket=" + self.socket)
        reading = piped("\n".join(lines) + "\n")
        try:
            ids = None
            if user is not None and os.getuid() == 0:
                number = stranger()
                ids = (number, number)
                os.fchown(reading, number, number)
            argv = [self.program, "--defaults-file=/dev/fd/%d" % reading]
            return called(argv + self._options(), statement, ids, inherited=reading)
        finally:
            os.close(reading)

    def _options(self):
        return ["--batch", "--raw", "--skip-column-names", "--connect-timeout=" + TIMEOUT]

    def ask(self, statement, by_self=None):
        """Return what the server answers. Errors: Problem."""
        if by_self is None:
            code, output, complaint = self.client(statement)
        else:
            code, output, complaint = self.client(statement, self.user, by_self)
        if code:
            raise AccountProblem(self.masked(complaint) or "the client ended with %d" % code)
        return output

    def found(self):
        """Return how to put the account back, and how it logs in. Errors: Problem (no such account)."""
        version = self.ask("SELECT VERSION();")
        maria, at = "mariadb" in version.lower(), numbers(version)
        count = self.ask(
            "SELECT COUNT(*) FROM mysql.user WHERE User='%s' AND Host='%s';" % (self.user, self.host)  # noqa: S608 - names match USER and HOST
        )
        if count.strip() != "1":
            raise AccountProblem("the server has no account %s" % self.who)
        if maria and at >= (10, 2, 0) or at >= (5, 7, 6) and not maria:
            before = "" if maria or at < (8, 0, 17) else "SET print_identified_with_as_hex=ON; "
            shown = self.ask("%sSHOW CREATE USER %s;" % (before, self.who)).strip()
            if not shown.upper().startswith("CREATE USER "):
                raise AccountProblem("the server does not say how %s logs in" % self.who)
            return {"version": version, "shown": shown, "undo": "ALTER" + shown[6:]}
        old = self.ask(
            "SELECT Password FROM mysql.user WHERE User='%s' AND Host='%s';" % (self.user, self.host)  # noqa: S608 - names match USER and HOST
        ).strip()
        return {
            "version": version,
            "shown": "",
            "undo": "SET PASSWORD FOR %s = '%s'" % (self.who, quoted(old)),
        }

    def rotate(self):
        """Give the account its new password. Errors: Problem."""
        try:
            found = self.found()
        except AccountProblem:
            if not self.earlier:
                raise
            found = self._found_by_itself(sys.exc_info()[1])
        self.keep(found)
        if found.get("self"):
            self.ask(self._own(found["version"], self.new) + ";", by_self=self.earlier)
            return
        statement = mysql_statement(found["version"], found["shown"], self.who, self.new)
        self.hidden.append(native_hash(self.new))
        self.ask(statement + ";")

    def _found_by_itself(self, why):
        """The administrator does not get in: the account may change its own password."""
        try:
            version = self.ask("SELECT VERSION();", by_self=self.earlier)
        except AccountProblem:
            raise AccountProblem(
                "as the administrator: %s; as the account itself: %s" % (why, sys.exc_info()[1])
            )
        return {"version": version, "self": True}

    def _own(self, version, password):
        if "mariadb" in version.lower() or numbers(version) < (5, 7, 6):
            return "SET PASSWORD = '%s'" % native_hash(password)
        return "ALTER USER USER() IDENTIFIED BY '%s'" % quoted(password)

    def restore(self, found):
        """Put back what was found."""
        if found.get("self"):
            if self.logs_in(self.earlier) is not True:
                self.ask(self._own(found["version"], self.earlier) + ";", by_self=self.new)
        else:
            self.ask(found["undo"] + ";")

    def logs_in(self, password):
        """Return whether the account logs in with this password; a text where that could not be found out."""
        code, output, complaint = self.client("SELECT CURRENT_USER();", self.user, password)
        if code:
            return False if refused(complaint) else self.masked(complaint)
        if output.strip() != "%s@%s" % (self.user, self.host):
            return "the server takes this login for the account %s" % self.masked(output)
        return True
