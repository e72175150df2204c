"""The verbs: rotate, restore, prove."""

import binascii
import os
import sys

from hardening.onhost.accounts.job import loaded, settle
from hardening.onhost.accounts.mysql import Mysql
from hardening.onhost.accounts.postgres import Postgres
from hardening.onhost.accounts.problem import AccountProblem

ENGINES = {"mariadb": Mysql, "mysql": Mysql, "postgresql": Postgres}


def prove(account):
    """Log in with the new password, and see the earlier one and a wrong one refused. Errors: Problem."""
    answer = account.logs_in(account.new)
    if answer is not True:
        raise AccountProblem("the new password does not log in: %s" % (answer or "refused"))
    wrong = binascii.hexlify(os.urandom(12)).decode("ascii")
    for password, what in ((account.earlier, "the earlier password"), (wrong, "a wrong password")):
        answer = account.logs_in(password) if password else False
        if answer is not False:
            raise AccountProblem("%s is not refused%s" % (what, "" if answer is True else ": " + answer))


def rotate(account):
    """Change and prove."""
    account.rotate()
    prove(account)


def restore(account):
    """Put back what `rotate` found; nothing where it never came to change anything."""
    if os.path.exists(account.kept):
        account.restore(loaded(account.kept))


def main():
    """Carry out one verb; return the exit code."""
    os.umask(0o077)
    try:
        verb, path, name = sys.argv[1:]
        job = loaded(path)
        job["path"] = path
        account_class = dict((row["name"], ENGINES[row["engine"]]) for row in job["accounts"])[name]
        verbs = {"rotate": rotate, "restore": restore, "prove": prove}
        act = verbs[verb]
    except (ValueError, KeyError, IOError, OSError):
        sys.stderr.write("accounts.pyz rotate|restore|prove JOB NAME: %s\n" % sys.exc_info()[1])
        return 2
    try:
        if verb == "rotate":
            settle(job)
        act(account_class(job, name))
    except (AccountProblem, IOError, OSError, KeyError):
        sys.stderr.write("%s: %s\n" % (name, sys.exc_info()[1]))
        return 1
    return 0
