"""HTTPS requests to the token service and to Graph."""

try:
    from http.client import HTTPConnection, HTTPException
except ImportError:  # Python 2
    from httplib import HTTPConnection, HTTPException

from hardening.onhost.relay.curl import post_by_curl
from hardening.onhost.relay.dialing import dial
from hardening.onhost.relay.problems import ServiceRefused, safe_text
from hardening.onhost.relay.settings import host_port
from hardening.onhost.relay.tls import distrust, start_tls, tls_by


class Https(HTTPConnection):
    """http over a connection that is there already."""

    default_port = 443


def post(config, endpoint, path, body, headers):
    """POST; return status, headers, body. Raises Refused when there is no answer."""
    host, port = host_port(endpoint, 443)
    if tls_by(config) == "curl":
        return post_by_curl(config, host, port, path, body, headers)
    answered = False
    try:
        connection = Https(host, port, timeout=config["timeout"])
        try:
            dialled = dial(config, host, port, True)
            connection.sock = dialled  # closed below whatever happens to TLS
            connection.sock = start_tls(config, dialled, host)
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
        raise ServiceRefused(distrust(problem), "%s: %s" % (host, safe_text(problem)), uncertain=answered)
