"""The names in a certificate, read from its DER encoding."""

import socket


def der(data, at, end):
    """Yield (tag, start, stop) of the values in data[at:end]. Raises ValueError, IndexError."""
    while at < end:
        tag, length = data[at], data[at + 1]
        at += 2
        if tag & 31 == 31:
            raise ValueError("a tag of several bytes")
        if length & 128:
            count, length = length & 127, 0
            if not 0 < count < 5:
                raise ValueError("an invalid length")
            for byte in data[at : at + count]:
                length = length * 256 + byte
            at += count
        if at + length > end:
            raise ValueError("a value past its end")
        yield tag, at, at + length
        at += length


def names_of(certificate):
    """Return the DNS names and the addresses (as bytes) in a DER certificate's subjectAltName."""
    data, names, addresses = bytearray(certificate), [], []
    _, start, stop = next(der(data, 0, len(data)))
    _, start, stop = next(der(data, start, stop))
    for tag, one, other in der(data, start, stop):
        if tag != 0xA3:
            continue
        _, first, last = next(der(data, one, other))
        for _, begin, end in der(data, first, last):
            parts = list(der(data, begin, end))
            if bytes(data[parts[0][1] : parts[0][2]]) != b"\x55\x1d\x11":
                continue
            _, left, right = next(der(data, parts[-1][1], parts[-1][2]))
            for kind, low, high in der(data, left, right):
                if kind == 0x82:
                    names.append(bytes(data[low:high]).decode("latin-1").lower())
                elif kind == 0x87:
                    addresses.append(bytes(data[low:high]))
    return names, addresses


def address_of(host):
    """Return a host that is an address as its bytes, else None."""
    for family in (socket.AF_INET, socket.AF_INET6):
        try:
            return socket.inet_pton(family, host)
        except (socket.error, ValueError, UnicodeError):
            continue
    return None


def is_for(certificate, host):
    """Return whether a DER certificate is for this host; what cannot be read is not."""
    try:
        names, addresses = names_of(certificate)
    except (ValueError, IndexError, StopIteration):
        return False
    address = address_of(host)
    if address is not None:
        return address in addresses
    host = host.lower().rstrip(".")
    rest = host.partition(".")[2]
    return any(name == host or ("." in rest and name == "*." + rest) for name in names)
