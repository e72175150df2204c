"""Settings: defaults, and a file of settings read and checked."""

import json
import re

from hardening.onhost.relay.compat import TEXT, urlsplit

COUNTS = (
    "max_bytes",
    "max_queue",
    "max_recipients",
    "max_sessions",
    "digest_size",
    "digest_bytes",
    "per_minute",
)
COUNTS += ("recipients_per_day", "timeout")  # none of these can be less than one
DEFAULTS = {
    "listen": "127.0.0.1:2525",
    "spool": "/var/spool/aspect-mail-relay",
    "status_file": "",
    "senders": [],
    "allow_recipients": [],
    "recipients": [],
    "transports": ["graph", "smtp"],
    "max_bytes": 1048576,
    "max_queue": 50000,
    "max_recipients": 50,
    "max_sessions": 20,
    "digest_after": 20,
    "digest_size": 100,
    "digest_bytes": 2097152,
    "priority": [],
    "per_minute": 30,
    "recipients_per_day": 10000,
    "minute": 62.0,
    "day": 86460.0,
    "retry_first": 5.0,
    "retry_most": 120.0,
    "give_up_after": 432000,
    "alarm_after": 300,
    "alarm_file": "",
    "alarm_command": [],
    "webhook": "",
    "snmp_trap": "",
    "snmp_community": "public",
    "snmp_oid": "1.3.6.1.4.1.8072.9999.9999",
    "syslog": True,
    "application": "",
    "renew_days": 0,
    "renew_wait": 900,
    "renew_every": 21600,
    "certificate_days": 365,
    "proof_audiences": ["00000002-0000-0000-c000-000000000000", "00000003-0000-0000-c000-000000000000"],
    "timeout": 20,
    "proxy": "",
    "proxy_smtp": True,
    "ca_file": "",
    "transport_tls": "auto",
    "openssl": "openssl",
    "curl": "curl",
}


def load(path):
    """Return the settings of a file, with defaults. Errors: OSError, ValueError; SystemExit names a wrong key."""
    with open(path, "rb") as file:
        given = json.loads(file.read().decode("utf-8-sig"))
    if not isinstance(given, dict):
        raise SystemExit("relay: %s: is not a JSON object" % path)
    needed = (
        "tenant",
        "client_id",
        "mailbox",
        "credentials",
        "authority",
        "graph",
        "graph_resource",
        "smtp",
        "smtp_resource",
    )
    for key in needed:
        if not given.get(key):
            raise SystemExit("relay: %s: %s is missing" % (path, key))
    for key in needed:
        if key != "credentials" and not isinstance(given[key], TEXT):
            raise SystemExit("relay: %s: %s is not text" % (path, key))
    if not isinstance(given["credentials"], list) or not all(
        is_credential(one) for one in given["credentials"]
    ):
        raise SystemExit(
            "relay: %s: credentials: each names secret_file, or certificate_file and key_file" % path
        )
    for key in given:
        if key not in DEFAULTS and key not in needed:
            raise SystemExit("relay: %s: %s is not a known key" % (path, key))
    wrong = sorted(key for key in given if key in DEFAULTS and not is_usable(key, given[key]))
    if wrong:
        raise SystemExit("relay: %s: %s has a value that cannot be used" % (path, wrong[0]))
    config = dict(DEFAULTS)
    config.update(given)
    if not config["transports"]:
        raise SystemExit("relay: %s: transports names none of graph, smtp" % path)
    for name in config["transports"]:
        if name not in ("graph", "smtp"):
            raise SystemExit("relay: %s: transports names more than graph and smtp" % path)
    return config


def is_usable(key, value):
    """Return whether a setting is of its default's kind, and one that can be worked with."""
    default = DEFAULTS[key]
    if key == "syslog":
        return isinstance(value, (bool, str, TEXT))
    if isinstance(default, bool) or isinstance(value, bool):
        return isinstance(default, bool) and isinstance(value, bool)
    if isinstance(default, (int, float)):
        return isinstance(value, (int, float)) and value >= (1 if key in COUNTS else 0)
    texts = value if isinstance(value, list) else [value]
    if isinstance(default, list) != isinstance(value, list) or not all(
        isinstance(t, (str, TEXT)) for t in texts
    ):
        return False
    try:
        if key == "priority":
            return all(re.compile(pattern) for pattern in value)
        return key not in ("listen", "snmp_trap") or not value or bool(host_port(value, 25)[0])
    except (ValueError, re.error):
        return False


def is_credential(credential):
    """Return whether a credential of the settings names its files."""
    if not isinstance(credential, dict):
        return False
    names = [key for key in ("secret_file", "certificate_file", "key_file") if credential.get(key)]
    wrong = [one for one in names if not isinstance(credential[one], TEXT)]
    return not wrong and ("secret_file" in names or len(names) == 2)


def host_port(text, default):
    """Return the host and the port of HOST:PORT. Errors: ValueError."""
    parts = urlsplit("//" + text)
    return parts.hostname, default if parts.port is None else parts.port
