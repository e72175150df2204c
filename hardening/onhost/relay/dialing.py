"""Plain connections, through a proxy where there is one."""

import base64
import socket

from hardening.onhost.relay.compat import unquote, urlsplit
from hardening.onhost.relay.problems import CONFIG, ServiceRefused


def proxy_of(config):
    """Return the proxy's host and port, and the header that logs in to it."""
    parts = urlsplit(config["proxy"])
    head = {}
    if parts.username is not None:
        pair = ("%s:%s" % (unquote(parts.username), unquote(parts.password or ""))).encode("utf-8")
        head["Proxy-Authorization"] = "Basic " + base64.b64encode(pair).decode("ascii")
    return parts.hostname, parts.port or 3128, head


def dial(config, host, port, proxied):
    """Return a plain connection to host:port, by the proxy's CONNECT where there is one."""
    if not (config["proxy"] and proxied):
        return socket.create_connection((host, port), config["timeout"])
    proxy, proxy_port, head = proxy_of(config)
    dialled = socket.create_connection((proxy, proxy_port), config["timeout"])
    lines = ["CONNECT %s:%d HTTP/1.1" % (host, port), "Host: %s:%d" % (host, port)]
    lines += ["%s: %s" % row for row in head.items()]
    dialled.sendall(("\r\n".join(lines) + "\r\n\r\n").encode("ascii"))
    got = b""
    while b"\r\n\r\n" not in got and len(got) < 16384:
        byte = dialled.recv(1)  # not one more than the head: what follows belongs to the tunnel
        if not byte:
            break
        got += byte
    if got.split(b" ")[1:2] != [b"200"]:
        dialled.close()
        raise ServiceRefused(CONFIG, "the proxy refuses %s:%d" % (host, port))
    return dialled
