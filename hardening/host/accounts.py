# -*- coding: utf-8 -*-
"""Rotate the password of a local database account: one file, standard library, Python 2.6 to 3.14.

Sent along by the role `credentials` and run by the agent as a command of its transaction:

    accounts.py rotate  JOB NAME     change the password, log in with the new one, see the earlier one refused
    accounts.py restore JOB NAME     put back what `rotate` found
    accounts.py prove   JOB NAME     the logins alone

JOB is a JSON file without secrets: {"id", "store", "accounts": [{name, engine, user, host, socket, port,
defaults_file, admin}]}. The new password and the earlier one come from the host's store (`secrets` and `earlier` there).
A password is in no argument, no environment and no output. The MySQL client reads its options from a pipe, psql from a
file that only root can read. Statements go to standard input, and where the server takes a hash it is the hash that is sent.

Exit codes: 0 done, 1 not done with one line that says why, 2 a job that cannot be read.

It is one file because it is sent to hosts on which nothing is installed; its sections, in order:

    what the statements are
    clients
    MySQL and MariaDB
    PostgreSQL
    the verbs
"""

import base64
import binascii
import fcntl
import hashlib
import hmac
import json
import os
import pwd
import random
import re
import shutil
import struct
import subprocess
import sys
import tempfile

TIMEOUT = "10"
KEPT = 20
ITERATIONS = 4096
REFUSED = ("ERROR 1045", "ERROR 1698", "password authentication failed", "no password supplied")
USER = re.compile(r"[A-Za-z0-9_.$-]{1,80}\Z")
HASHES = re.compile(r"\*[0-9A-F]{40}|SCRAM-SHA-256\S+|md5[0-9a-f]{32}|0x[0-9A-Fa-f]{16,}|\$A\$\S+")
HOST = re.compile(r"[A-Za-z0-9_.%:/-]{1,255}\Z")


class Problem(Exception):
    """What could not be done, in one line for the operator."""


# -- what the statements are -------------------------------------------------------------------------


def native_hash(password):
    """Return what mysql_native_password keeps of a password."""
    once = hashlib.sha1(password.encode("utf-8")).digest()
    return "*" + hashlib.sha1(once).hexdigest().upper()


def numbers(version):
    """Return a server's version as three numbers."""
    found = [int(word) for word in re.findall(r"\d+", version.split("-")[0])[:3]]
    return tuple(found + [0, 0, 0])[:3]


def mysql_statement(version, shown, who, password):
    """Return the statement that sets a password: by the server's version and by how the account logs in (`shown`)."""
    maria, at = "mariadb" in version.lower(), numbers(version)
    if maria and at >= (10, 2, 0) or at >= (5, 7, 6) and not maria:
        plugins = set(re.findall(r"(?:VIA|OR|WITH)\s+[`']?(\w+)", shown, re.IGNORECASE))
        strange = plugins - set(
            [
                "mysql_native_password",
                "unix_socket",
                "auth_socket",
                "caching_sha2_password",
                "sha256_password",
            ]
        )
        if strange:
            raise Problem(
                "%s logs in by %s, which this does not know: change it by hand"
                % (who, ", ".join(sorted(strange)))
            )
    if maria and at >= (10, 4, 0) and "unix_socket" in shown:
        way = "VIA unix_socket OR mysql_native_password USING '%s'" % native_hash(password)
        return "ALTER USER %s IDENTIFIED %s" % (who, way)
    if maria and at >= (10, 2, 0):
        return "ALTER USER %s IDENTIFIED BY PASSWORD '%s'" % (who, native_hash(password))
    if maria or at < (5, 7, 6):
        return "SET PASSWORD FOR %s = '%s'" % (who, native_hash(password))
    if "mysql_native_password" in shown:
        return "ALTER USER %s IDENTIFIED WITH mysql_native_password AS '%s'" % (who, native_hash(password))
    if "auth_socket" in shown:
        raise Problem("%s logs in by auth_socket and has no password" % who)
    return "ALTER USER %s IDENTIFIED BY '%s'" % (
        who,
        quoted(password),
    )  # the server leaves it out of its logs


def quoted(value):
    """Return a text as it stands between single quotes in MySQL."""
    return value.replace("\\", "\\\\").replace("'", "\\'")


def scram(password, salt):
    """Return the SCRAM-SHA-256 verifier PostgreSQL keeps (RFC 5802, 7677); the password is ASCII."""
    key = password.encode("ascii")
    block = hmac.new(key, salt + struct.pack(">I", 1), hashlib.sha256).digest()
    salted = [byte for byte in bytearray(block)]
    for _ in range(ITERATIONS - 1):
        block = hmac.new(key, block, hashlib.sha256).digest()
        salted = [one ^ other for one, other in zip(salted, bytearray(block))]
    salted = bytes(bytearray(salted))
    client = hashlib.sha256(hmac.new(salted, b"Client Key", hashlib.sha256).digest()).digest()
    server = hmac.new(salted, b"Server Key", hashlib.sha256).digest()
    words = [base64.b64encode(part).decode("ascii") for part in (salt, client, server)]
    return "SCRAM-SHA-256$%d:%s$%s:%s" % (ITERATIONS, words[0], words[1], words[2])


def postgres_hash(encryption, user, password):
    """Return what this server keeps of a password, as its setting `password_encryption` says."""
    if encryption == "scram-sha-256":
        return scram(password, os.urandom(16))
    return "md5" + hashlib.md5((password + user).encode("utf-8")).hexdigest()


# -- clients -----------------------------------------------------------------------------------------


def which(*names):
    """Return the first of these programs that is there."""
    for name in names:
        for folder in os.environ.get("PATH", "").split(":") + ["/usr/bin", "/usr/sbin", "/bin"]:
            path = os.path.join(folder, name)
            if folder and os.access(path, os.X_OK):
                return path
    raise Problem("no program %s on this host" % " or ".join(names))


def stranger():
    """Return a user id that no account and no process of this host has: nobody else can read what it owns."""
    taken = set()
    for name in os.listdir("/proc"):
        try:
            taken.add(os.stat("/proc/" + name).st_uid)
        except OSError:
            pass  # the process has ended
    for _ in range(100):
        number = random.SystemRandom().randrange(
            1879048192, 2147483647
        )  # systemd.io/UIDS-GIDS: unused by all
        try:
            pwd.getpwuid(number)
        except KeyError:
            if number not in taken:
                return number
    raise Problem("this host has no free user id for a trial login")


def piped(text):
    """Return the reading end of a pipe that holds a text. Errors: Problem (it is longer than a pipe always takes)."""
    data = text.encode("utf-8")
    if len(data) > 4096:
        raise Problem("the client's options are longer than %d bytes" % 4096)
    reading, writing = os.pipe()
    try:
        os.write(writing, data)
    finally:
        os.close(writing)
    return reading


def only_inherits(kept):
    """Close every descriptor above 2 but one when the next program starts. Called between fork and exec."""
    for name in os.listdir("/proc/self/fd"):
        number = int(name)
        if number > 2:
            try:
                flags = fcntl.fcntl(number, fcntl.F_GETFD)
            except (IOError, OSError):
                continue  # the listing's own
            close = fcntl.FD_CLOEXEC
            fcntl.fcntl(number, fcntl.F_SETFD, flags & ~close if number == kept else flags | close)


def called(argv, statement, ids=None, more=None, inherited=None):
    """Run a client with a statement on its standard input; return (exit code, output, complaint).

    `ids`: the user and group that it runs as. `inherited`: a descriptor that it gets.
    """
    environment = {
        "LC_ALL": "C",
        "PATH": os.environ.get("PATH", "/usr/bin:/bin"),
        "PGCONNECT_TIMEOUT": TIMEOUT,
    }
    environment.update(more or {})

    def become():
        only_inherits(inherited)
        if ids:
            os.setgroups([])
            os.setgid(ids[1])
            os.setuid(ids[0])

    try:
        child = subprocess.Popen(
            argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, close_fds=False, cwd="/",
            env=environment, preexec_fn=become,
        )  # fmt: skip
    except (OSError, getattr(subprocess, "SubprocessError", OSError)):
        raise Problem("cannot run %s: %s" % (argv[0], sys.exc_info()[1]))
    output, complaint = child.communicate(statement.encode("utf-8"))
    return (
        child.returncode,
        output.decode("utf-8", "replace").strip(),
        complaint.decode("utf-8", "replace").strip(),
    )


def refused(complaint):
    """Whether a client says that the server refused the login, and not that it could not be asked."""
    return bool([word for word in REFUSED if word in complaint])


def written(path, data):
    """Write a file whole that only its owner can read, from its first byte on."""
    new = path + ".new"
    if os.path.lexists(new):  # an earlier attempt was cut off
        os.remove(new)
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        while data:
            data = data[os.write(descriptor, data) :]
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    os.rename(new, path)


class Account(object):
    """One account of a job, with what the store says of it."""

    def __init__(self, job, name):
        rows = [row for row in job["accounts"] if row["name"] == name]
        if not rows:
            raise Problem("the job has no account %s" % name)
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
            raise Problem("%s: this account's name cannot be written safely" % name)
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


# -- MySQL and MariaDB -------------------------------------------------------------------------------


class Mysql(Account):
    """An account of MySQL or MariaDB."""

    def __init__(self, job, name):
        Account.__init__(self, job, name)
        self.who = "'%s'@'%s'" % (self.user, self.host)
        self.program = which("mariadb", "mysql")

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
            raise Problem(self.masked(complaint) or "the client ended with %d" % code)
        return output

    def found(self):
        """Return how to put the account back, and how it logs in. Errors: Problem (no such account)."""
        version = self.ask("SELECT VERSION();")
        maria, at = "mariadb" in version.lower(), numbers(version)
        count = self.ask(
            "SELECT COUNT(*) FROM mysql.user WHERE User='%s' AND Host='%s';" % (self.user, self.host)
        )
        if count.strip() != "1":
            raise Problem("the server has no account %s" % self.who)
        if maria and at >= (10, 2, 0) or at >= (5, 7, 6) and not maria:
            before = "" if maria or at < (8, 0, 17) else "SET print_identified_with_as_hex=ON; "
            shown = self.ask("%sSHOW CREATE USER %s;" % (before, self.who)).strip()
            if not shown.upper().startswith("CREATE USER "):
                raise Problem("the server does not say how %s logs in" % self.who)
            return {"version": version, "shown": shown, "undo": "ALTER" + shown[6:]}
        old = self.ask(
            "SELECT Password FROM mysql.user WHERE User='%s' AND Host='%s';" % (self.user, self.host)
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
        except Problem:
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
        except Problem:
            raise Problem("as the administrator: %s; as the account itself: %s" % (why, sys.exc_info()[1]))
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
        """Whether the account logs in with this password; a text where that could not be found out."""
        code, output, complaint = self.client("SELECT CURRENT_USER();", self.user, password)
        if code:
            return False if refused(complaint) else self.masked(complaint)
        if output.strip() != "%s@%s" % (self.user, self.host):
            return "the server takes this login for the account %s" % self.masked(output)
        return True


# -- PostgreSQL --------------------------------------------------------------------------------------


class Postgres(Account):
    """A role of PostgreSQL."""

    def __init__(self, job, name):
        Account.__init__(self, job, name)
        self.program = which("psql")
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
            raise Problem(self.masked(complaint) or "psql ended with %d" % code)
        return output

    def _where(self, host):
        return (["-h", host] if host else []) + (["-p", str(self.port)] if self.port else [])

    def rotate(self):
        """Give the role its new password. Errors: Problem."""
        old = self.ask(
            "SELECT coalesce(rolpassword, '-') FROM pg_authid WHERE rolname = '%s';" % self.user
        ).strip()
        if not old:
            raise Problem("the server has no role %s" % self.who)
        self.keep({"undo": "ALTER ROLE %s PASSWORD %s" % (self.who, "NULL" if old == "-" else "'%s'" % old)})
        made = postgres_hash(self.ask("SHOW password_encryption;").strip(), self.user, self.new)
        self.hidden.append(made)
        self.ask("ALTER ROLE %s PASSWORD '%s';" % (self.who, made))

    def restore(self, found):
        """Put back what was found."""
        self.ask(found["undo"] + ";")

    def logs_in(self, password):
        """Whether the role logs in over TCP with this password; a text where that could not be found out."""
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


ENGINES = {"mariadb": Mysql, "mysql": Mysql, "postgresql": Postgres}


# -- the verbs ---------------------------------------------------------------------------------------


def prove(account):
    """Log in with the new password, and see the earlier one and a wrong one refused. Errors: Problem."""
    said = account.logs_in(account.new)
    if said is not True:
        raise Problem("the new password does not log in: %s" % (said or "refused"))
    wrong = binascii.hexlify(os.urandom(12)).decode("ascii")
    for password, what in ((account.earlier, "the earlier password"), (wrong, "a wrong password")):
        said = account.logs_in(password) if password else False
        if said is not False:
            raise Problem("%s is not refused%s" % (what, "" if said is True else ": " + said))


def rotate(account):
    """Change and prove."""
    account.rotate()
    prove(account)


def restore(account):
    """Put back what `rotate` found; nothing where it never came to change anything."""
    if os.path.exists(account.kept):
        account.restore(loaded(account.kept))


def loaded(path):
    """Return a JSON file."""
    handle = open(path, "rb")
    try:
        return json.loads(handle.read().decode("utf-8"))
    finally:
        handle.close()


def at_home(job):
    """Whether the job is the copy that an undo uses."""
    return os.path.basename(os.path.dirname(os.path.dirname(os.path.abspath(job["path"])))) == "rotations"


def home(job):
    """Return the folder of this rotation, which outlives the plan's own files."""
    folder = os.path.dirname(os.path.abspath(job["path"]))
    return folder if at_home(job) else os.path.join(folder, "rotations", job["id"])


def settle(job):
    """Keep this program, the job and the store where an undo finds them; drop the oldest of such folders."""
    if at_home(job):
        return
    mine = home(job)
    rotations = os.path.dirname(mine)
    if not os.path.isdir(mine):
        os.makedirs(mine, 0o700)
    os.chmod(rotations, 0o700)
    for source, name in (
        (os.path.abspath(__file__), "accounts.py"),
        (job["path"], "job.json"),
        (job["store"], "store.json"),
    ):
        if not os.path.exists(os.path.join(mine, name)):
            handle = open(source, "rb")
            try:
                written(os.path.join(mine, name), handle.read())
            finally:
                handle.close()
    all_of_them = sorted(
        os.listdir(rotations), key=lambda one: os.path.getmtime(os.path.join(rotations, one))
    )
    for one in all_of_them[:-KEPT]:
        shutil.rmtree(os.path.join(rotations, one), ignore_errors=True)


def main(words):
    """Carry out one verb; return the exit code."""
    os.umask(0o077)
    try:
        verb, path, name = words
        job = loaded(path)
        job["path"] = path
        account_class = dict((row["name"], ENGINES[row["engine"]]) for row in job["accounts"])[name]
        verbs = {"rotate": rotate, "restore": restore, "prove": prove}
        act = verbs[verb]
    except (ValueError, KeyError, IOError, OSError):
        sys.stderr.write("accounts.py rotate|restore|prove JOB NAME: %s\n" % sys.exc_info()[1])
        return 2
    try:
        if verb == "rotate":
            settle(job)
        act(account_class(job, name))
    except (Problem, IOError, OSError, KeyError):
        sys.stderr.write("%s: %s\n" % (name, sys.exc_info()[1]))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
