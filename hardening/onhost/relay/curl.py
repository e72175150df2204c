"""HTTPS by the host's `curl`, where neither Python nor openssl speaks TLS 1.2."""

import os
import re
import subprocess

from hardening.onhost.relay.openssl import run, system_authorities
from hardening.onhost.relay.problems import CONFIG, TEMPORARY, UNPRINTABLE, ServiceRefused


def curl_lacks(config):
    """Return why curl cannot do it here, or an empty text."""
    if config["transports"] != ["graph"] and "graph" not in config["transports"]:
        return "it speaks HTTPS alone, and transports has no graph"
    code, output = run([config["curl"], "-q", "--tlsv1.2", "--version"])
    if code is None:
        return "curl is not installed"
    if code or "https" not in output:
        return "this curl has no --tlsv1.2 (7.34 or its backport is needed)"
    return ""


class CurlAnswer(object):
    """The headers that curl printed."""

    def __init__(self, head):
        self.rows = [line.partition(":")[::2] for line in head.split("\r\n")[1:]]

    def getheader(self, name, default=None):
        """Return a header's value, as http.client's answers do."""
        for key, value in self.rows:
            if key.strip().lower() == name.lower():
                return value.strip()
        return default


# curl's exit codes from before a byte of the request was sent
EXITS_BEFORE_REQUEST = (1, 2, 3, 4, 5, 6, 7, 27, 35, 51, 53, 54, 58, 59, 60, 66, 77, 80, 82, 83, 90, 91, 97)


def post_by_curl(config, host, port, path, body, headers):
    """POST by curl, everything on its standard input: nothing secret on a command line or in a file."""

    def quoted(text):
        return text.replace("\\", "\\\\").replace('"', '\\"')

    body = body.decode("ascii") if isinstance(body, bytes) else body
    rows = [
        ("url", "https://%s:%d%s" % (host, port, path)),
        ("data-binary", body),
        ("max-time", "%d" % (config["timeout"] * 3)),
        ("connect-timeout", "%d" % config["timeout"]),
        ("header", "Expect:"),
    ]
    rows += [("header", "%s: %s" % row) for row in headers.items()]
    rows += [("cacert", system_authorities(config))] if system_authorities(config) else []
    rows += [("proxy", config["proxy"])] if config["proxy"] else []
    lines = ["silent", "show-error", "include", "tlsv1.2"]
    lines += ['%s = "%s"' % (name, quoted(value)) for name, value in rows]
    child = subprocess.Popen(
        [config["curl"], "-q", "--config", "-"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        close_fds=True,
        env={"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "LC_ALL": "C"},
    )
    got, why = child.communicate(("\n".join(lines) + "\n").encode("utf-8"))
    code, why = child.returncode, UNPRINTABLE.sub(" ", why.decode("latin-1")).strip()[:120]
    if code:
        refused = "CONNECT" in why and "response" in why
        kind = CONFIG if refused or code in (51, 60, 77) else TEMPORARY
        text = "%s: curl %d %s" % (host, code, why)
        raise ServiceRefused(kind, text, uncertain=not refused and code not in EXITS_BEFORE_REQUEST)
    while True:  # a proxy's answer and 1xx come before the service's own
        head, _, rest = got.partition(b"\r\n\r\n")
        if not rest.startswith(b"HTTP/"):
            break
        got = rest
    status = re.match(b"HTTP/[0-9.]+ ([0-9]{3})", head)
    if not status:
        raise ServiceRefused(TEMPORARY, "%s: the answer is not HTTP" % host, uncertain=True)
    return int(status.group(1)), CurlAnswer(head.decode("latin-1")), rest
