"""Statements that change a password, and the hashes in them."""

import base64
import hashlib
import hmac
import os
import re
import struct

from hardening.onhost.accounts.problem import AccountProblem

ITERATIONS = 4096


def native_hash(password):
    """Return what mysql_native_password keeps of a password."""
    once = hashlib.sha1(password.encode("utf-8")).digest()  # noqa: S324 - the server's own
    return "*" + hashlib.sha1(once).hexdigest().upper()  # noqa: S324 - the server's own


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
            raise AccountProblem(
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
        raise AccountProblem("%s logs in by auth_socket and has no password" % who)
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
    return "md5" + hashlib.md5((password + user).encode("utf-8")).hexdigest()  # noqa: S324 - the server's own
