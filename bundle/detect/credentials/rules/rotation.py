"""How a password is changed where it is valid: removing it from a file does not invalidate it."""

from __future__ import annotations

from hardening.findings import of_service

_HOW = {
    "mysql": "with ALTER USER ... IDENTIFIED BY",
    "mariadb": "with ALTER USER ... IDENTIFIED BY",
    "postgresql": "with ALTER ROLE ... PASSWORD",
    "oracle": "with ALTER USER ... IDENTIFIED BY",
    "sql server": "with ALTER LOGIN ... WITH PASSWORD",
    "sqlserver": "with ALTER LOGIN ... WITH PASSWORD",
    "database": "in its own list of accounts",
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
    "host": "with passwd",
    "windows": "with net user",
    "device": "in its configuration, which is saved then",
    "boot loader": "with grub2-setpassword",
    "web server": "with htpasswd",
    "tomcat": "in its users' file or realm",
    "smb": "with smbpasswd or on the domain's controller",
    "kerberos": "with kpasswd",
    "ipmi": "with ipmitool user set password",
    "vnc": "with vncpasswd",
    "message broker": "at the broker",
    "amqp": "at the broker",
    "mqtt": "at the broker",
    "system": "with passwd",
    "wireless network": "at the access point and on each station",
    "wi-fi": "at the access point and on each station",
    "wireguard": "with wg genkey or genpsk, on both ends",
    "ipsec": "on both ends",
    "vpn": "on both ends",
    "bgp": "on both ends",
    "ppp": "on both ends",
    "ntp": "on the server and on each client",
    "radius": "on the server and on each client",
    "tacacs+": "on the server and on each client",
    "http": "at the service",
    "https": "at the service",
}


def rotate(accounts: str, service: str, remedy: str) -> str:
    """Return a family's remedy with the quoted accounts and the service it is about, and how a password is changed there."""
    what = "key" if service in ("encryption", "signature") else "account"
    account = f"The {what} {accounts}" if accounts else f"The {what}"
    of = of_service(service)
    how = _HOW.get(service.lower(), "")
    return f"{account}{of}{f' ({how})' if how else ''}: {remedy[:1].lower()}{remedy[1:]}"


def revoke(service: str) -> str:
    """Return the sentence that says where a token of a service is revoked."""
    return f"Revoke it at {service} and issue a new one for each installation; removing it here does not make it invalid."
