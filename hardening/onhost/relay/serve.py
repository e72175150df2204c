"""The verb `serve`: run the relay."""

from __future__ import print_function

import os
import re
import signal
import sys
import threading
import time

from hardening.onhost.relay.alarms import Speaker
from hardening.onhost.relay.certificate import Renewal
from hardening.onhost.relay.delivery import Delivery
from hardening.onhost.relay.settings import host_port
from hardening.onhost.relay.smtp_in import Server6, SmtpServer, SmtpSession
from hardening.onhost.relay.spool import Spool
from hardening.onhost.relay.tls import tls_by


def serve(config):
    """Run the relay until a signal ends it. Raises SystemExit with what prevents it."""
    os.umask(0o077)
    try:
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    except (ImportError, ValueError):
        pass
    host, port = host_port(config["listen"], 25)
    if not (re.match(r"127\.\d+\.\d+\.\d+$", host) or host == "::1"):
        raise SystemExit("relay: listen has to be a loopback address")
    if not os.path.isdir(config["spool"]):
        os.makedirs(config["spool"], 0o700)
    if tls_by(config) == "curl" and config["transports"] != ["graph"]:
        sys.stderr.write("relay: TLS is curl's here, which delivers by graph alone\n")
        config["transports"] = ["graph"]
    lock = locked(config)
    spool = Spool(config)
    speak = Speaker(config)
    speak.ready()
    try:
        server = (Server6 if ":" in host else SmtpServer)((host, port), SmtpSession)
    except (OSError, IOError):  # below 1024 root alone may listen; or somebody else does
        why = sys.exc_info()[1]
        raise SystemExit("relay: cannot listen on %s:%d: %s" % (host, port, why.strerror or why))
    server.config, server.spool, server.lock = config, spool, lock
    server.slots = threading.Semaphore(config["max_sessions"])
    spool.speak = speak
    server.delivery = Delivery(config, spool, speak)
    server.delivery.start()
    if config["renew_days"]:
        Renewal(config, speak).start()
    print("relay: listening on %s:%d" % server.server_address[:2])
    sys.stdout.flush()

    def ended(number, frame):
        os._exit(0)  # everything accepted is on disk, everything tried is recorded

    signal.signal(signal.SIGTERM, ended)
    signal.signal(signal.SIGINT, ended)
    server.serve_forever(0.2)


def locked(config):
    """Return the spool's lock, held. Raises SystemExit if another relay has it."""
    import fcntl

    lock = open(os.path.join(config["spool"], "lock"), "w")
    end = time.time() + 1  # `status` holds it for a moment
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (OSError, IOError):
            if time.time() > end:
                raise SystemExit("relay: another relay uses %s" % config["spool"])
            time.sleep(0.05)
        else:
            return lock
