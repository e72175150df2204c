"""Probes: questions that a healthy host answers."""

import os
import socket
import sys
import time

from hardening.onhost.shared.errors import Failed
from hardening.onhost.shared.listeners import listeners
from hardening.onhost.shared.processes import run
from hardening.onhost.shared.texts import clock, native


def probe_tcp(probe):
    """`host`, `port`: a connection is accepted."""
    connection = socket.create_connection((probe.get("host", "127.0.0.1"), int(probe["port"])), 3)
    connection.close()


def probe_tls(probe):
    """`host`, `port`: a handshake with this host's own TLS library completes."""
    import ssl

    connection = socket.create_connection((probe.get("host", "127.0.0.1"), int(probe["port"])), 3)
    try:
        if hasattr(ssl, "SSLContext"):
            protocol = getattr(ssl, "PROTOCOL_TLS_CLIENT", None) or ssl.PROTOCOL_SSLv23
            context = ssl.SSLContext(protocol)  # novermin: older ones take the other way
            context.check_hostname = False  # novermin
            context.verify_mode = ssl.CERT_NONE  # the question is whether it answers, not who it is
            connection = context.wrap_socket(connection)
        else:
            connection = ssl.wrap_socket(connection)
    finally:
        connection.close()


def probe_listen(probe):
    """`port`, `process`: that port is listened on, by a process of that name where one is given."""
    for one in listeners():
        if one["port"] == int(probe["port"]) and probe.get("process", one["process"]) == one["process"]:
            return
    raise Failed("no process%s listens on port %s" % (_named(probe), probe["port"]))


def probe_absent(probe):
    """`port`: nobody listens there."""
    if [one for one in listeners() if one["port"] == int(probe["port"])]:
        raise Failed("a process listens on port %s" % probe["port"])


def probe_command(probe):
    """`argv`, `timeout`: the program exits 0."""
    code, output = run(probe["argv"], probe.get("timeout", 20))
    if code != 0:
        raise Failed("%s exited %d: %s" % (probe["argv"][0], code, output.strip()[-400:]))


def probe_path(probe):
    """`path`, `absent`: it exists (or does not)."""
    if os.path.lexists(native(probe["path"])) == bool(probe.get("absent")):
        raise Failed("%s %s" % (probe["path"], "exists" if probe.get("absent") else "does not exist"))


def _named(probe):
    return " named %s" % probe["process"] if probe.get("process") else ""


PROBES = {
    "tcp": probe_tcp,
    "tls": probe_tls,
    "listen": probe_listen,
    "absent": probe_absent,
    "command": probe_command,
    "path": probe_path,
}


def ask_probes(probes):
    """Ask every probe, each until it succeeds or its time is over; return one row per probe."""
    rows = []
    for probe in probes:
        deadline, problem = clock() + probe.get("wait", 5), ""
        while True:
            try:
                PROBES[probe["kind"]](probe)
                problem = ""
                break
            except (OSError, IOError, Failed, socket.error):
                problem = str(sys.exc_info()[1])
            if clock() >= deadline:
                break
            time.sleep(0.1)
        name = probe.get("name") or " ".join(
            str(probe[key]) for key in ("kind", "host", "port", "path", "process") if key in probe
        )
        rows.append({"name": name, "ok": not problem, "problem": problem})
    return rows


def held_before(probes):
    """Return the probes with whether each holds now: a rollback has to bring back what answered, and no more.

    A command is asked after a change alone, for nobody knows what it does.
    """
    rows = []
    for one in probes:
        if one["kind"] != "command":
            one = dict(one, held=ask_probes([dict(one, wait=0)])[0]["ok"])
        rows.append(one)
    return rows


def probe_or_fail(probes):
    """Ask the probes; Failed names those that did not succeed."""
    rows = ask_probes(probes)
    bad = ["%s: %s" % (row["name"], row["problem"]) for row in rows if not row["ok"]]
    if bad:
        raise Failed("probe failed: " + "; ".join(bad))
    return rows
