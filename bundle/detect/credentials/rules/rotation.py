"""How a password is changed where it is valid: removing it from a file does not invalidate it."""

from __future__ import annotations

_HOW = {
    "mysql": "with ALTER USER ... IDENTIFIED BY",
    "mariadb": "with ALTER USER ... IDENTIFIED BY",
    "postgresql": "with ALTER ROLE ... PASSWORD",
    "oracle": "with ALTER USER ... IDENTIFIED BY",
    "sql server": "with ALTER LOGIN ... WITH PASSWORD",
    "sqlserver": "with ALTER LOGIN ... WITH PASSWORD",
    "database": "in the database's own list of accounts",
    "ldap": "with ldappasswd",
    "mongodb": "with db.changeUserPassword",
    "redis": "with requirepass or ACL SETUSER",
    "ssh": "with passwd on the far host",
    "ftp": "with passwd on the far host",
    "ftps": "with passwd on the far host",
    "sftp": "with passwd on the far host",
    "snmp": "in the agent's configuration; better still use SNMPv3",
    "key store": "with keytool -storepasswd and -keypasswd",
    "mail": "at the mail server",
    "http": "at the service",
    "https": "at the service",
}


def rotate(user: str, service: str) -> str:
    """Return the sentence that names the account and the service, and how to change the password there."""
    account = f"the account {user!r}" if user else "the account"
    of = f" of {service}" if service else ""
    how = _HOW.get(service.lower(), "")
    return f"Change the password of {account}{of} wherever it is valid{', ' + how if how else ''}."


def revoke(service: str) -> str:
    """Return the sentence that says where a token of a service is revoked."""
    return f"Revoke it at {service} and issue a new one for each installation; removing it here does not make it invalid."
