"""Integers from bytes and back, on Python 2 and 3."""

import binascii
import sys

PY3 = sys.version_info[0] >= 3


def number(data, little=False):
    """The number that bytes are."""
    if little:
        data = data[::-1]
    return int(binascii.hexlify(data) or b"0", 16)


def octets(value, size):
    """The bytes of a number, least first."""
    return binascii.unhexlify(("%0*x" % (2 * size, value)).encode("ascii"))[::-1]
