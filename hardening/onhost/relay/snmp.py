"""An SNMPv2c trap, encoded in BER."""

import random
import time


def ber(tag, data):
    """Return a BER value; data is bytes."""
    size = len(data)
    if size < 128:
        head = bytearray([tag, size])
    else:
        head = bytearray([tag, 0x82, size >> 8, size & 255])
    return bytes(head) + data


def ber_number(tag, value):
    """Return a non-negative number as a BER integer of a tag."""
    digits = bytearray()
    while True:
        digits.insert(0, value & 255)
        value >>= 8
        if not value:
            break
    if digits[0] & 128:
        digits.insert(0, 0)
    return ber(tag, bytes(digits))


def ber_oid(text):
    """Return an object identifier in BER."""
    numbers = [int(one) for one in text.strip(".").split(".")]
    data = bytearray([numbers[0] * 40 + numbers[1]])
    for number in numbers[2:]:
        part = [number & 127]
        while number > 127:
            number >>= 7
            part.insert(0, number & 127 | 128)
        data += bytearray(part)
    return ber(6, bytes(data))


def snmp_trap(config, text):
    """Return an SNMPv2c trap (RFC 3416): sysUpTime, the trap's name, and the text."""
    oid, encoded = config["snmp_oid"], text.encode("utf-8", "replace")[:1200]
    rows = (
        ("1.3.6.1.2.1.1.3.0", ber_number(0x43, int(time.time() * 100) & 0x7FFFFFFF)),
        ("1.3.6.1.6.3.1.1.4.1.0", ber_oid(oid)),
        (oid + ".1", ber(4, encoded)),
    )
    rows = b"".join(ber(0x30, ber_oid(name) + value) for name, value in rows)
    request = ber_number(2, random.randrange(1, 2**31))  # noqa: S311 - a number to tell traps apart
    pdu = ber(0xA7, request + ber_number(2, 0) + ber_number(2, 0) + ber(0x30, rows))
    return ber(0x30, ber_number(2, 1) + ber(4, config["snmp_community"].encode("utf-8")) + pdu)
