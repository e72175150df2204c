"""HTTPS requests to the token service and to Graph."""

try:
    from http.client import HTTPConnection, HTTPException
except ImportError:  # Python 2
    from httplib import HTTPConnection, HTTPException

from hardening.onhost.relay.curl import curled
from hardening.onhost.relay.dialing import dial
from hardening.onhost.relay.problems import Refused, plain
from hardening.onhost.relay.settings import host_port
from hardening.onhost.relay.tls import distrust, secured, way


class Https(HTTPConnection):
    """http over a connection that is there already."""

    default_port = 443


def https(config, endpoint, path, body, headers):
    """POST; return status, headers, body. Raises Refused when there is no answer."""
    host, port = host_port(endpoint, 443)
    if way(config) == "curl":
        return curled(config, host, port, path, body, headers)
    answered = False
    try:
        connection = Https(host, port, timeout=config["timeout"])
        try:
            dialled = dial(config, host, port, True)
            connection.sock = dialled  # closed below whatever happens to TLS
            connection.sock = secured(config, dialled, host)
            answered = True  # from here on the other side may act on what it got
            connection.request("POST", path, body, headers)
            answer = connection.getresponse()
            return answer.status, answer, answer.read(1048576)
        finally:
            connection.close()
    except (
        OSError,
        IOError,
        HTTPException,
        ValueError,
    ) as problem:  # ssl's and socket's errors are among them
        raise Refused(distrust(problem), "%s: %s" % (host, plain(problem)), uncertain=answered)
