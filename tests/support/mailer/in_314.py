"""Runs inside CPython 3.14 (WebAssembly, without sockets and processes): a backlog goes from the spool to a transport.

test_relay_314 puts the relay at /relay.pyz and looks at what is printed; every warning is an error here.
"""

import importlib
import json
import re
import sys
import warnings
from email import message_from_bytes
from pathlib import Path

warnings.simplefilter("error")
sys.path.insert(0, "/relay.pyz")
alarms, delivering, problems, settings, spooling, statuses, tls, transports = (
    importlib.import_module(f"hardening.onhost.relay.{name}")
    for name in ("alarms", "delivery", "problems", "settings", "spool", "status", "tls", "transports")
)

ALARMS = 30
SETTINGS = {
    "tenant": "t", "client_id": "c", "mailbox": "alarms@example.com", "credentials": [{"secret_file": "/none"}], "authority": "a",
    "graph": "g", "graph_resource": "g", "smtp": "s:587", "smtp_resource": "o", "spool": "/spool", "priority": ["^CRITICAL"],
    "recipients": ["ops@example.com"], "syslog": False, "alarm_file": "/alarms", "retry_first": 0.0, "retry_most": 0.0, "minute": 0.01,
    "digest_after": 3,
}  # fmt: skip
Path("/relay.json").write_text(json.dumps(SETTINGS))
config = settings.load("/relay.json")
spool = spooling.Spool(config)
for number in range(ALARMS):
    kind = "CRITICAL" if number == ALARMS // 2 else "fan"
    mail = f"Subject: {kind} {number}\r\nX-Alarm-Id: A-{number}\r\n\r\nLüfter\r\n"
    spool.accept("alarms@example.com", ["ops@example.com"], mail.encode())

sent: list[bytes] = []
tries = 0


def service(_config: object, _tokens: object, _recipients: object, raw: bytes) -> None:
    """Stand in for the service: it refuses every third mail, every sixth in a way that leaves a doubt."""
    global tries  # noqa: PLW0603 - a script
    tries += 1
    if tries % 3 == 1:
        raise problems.ServiceRefused(
            problems.TEMPORARY, "smtp data: 451 later", uncertain=tries % 6 == 1, own=True
        )
    sent.append(raw)


transports.TRANSPORTS.update(graph=service, smtp=service)
delivery = delivering.Delivery(config, spool, alarms.Speaker(config))
left = spool.records()
while any(Path("/spool/new").iterdir()):
    delivery.step(left)
delivery.report()
texts = [raw + bytes(message_from_bytes(raw).get_payload(decode=True)) for raw in sent]
told = {int(one) for text in texts for one in re.findall(rb"A-(\d+)", text)}
assert told == set(range(ALARMS)), told
assert b"CRITICAL" in sent[0]
assert tls.tls_context(config).check_hostname
sys.stdout.write(
    f"{sys.version_info[0]}.{sys.version_info[1]}: {len(told)} alarms told, status {statuses.status(config)}\n"
)
