"""The way out: sockets (through a proxy where there is one), TLS that is always verified, failures with a name."""

from __future__ import annotations

import base64
import socket
import ssl
import time
from urllib.parse import unquote, urlsplit

from hardening.errors import HardeningError, ProbeError
from hardening.mailer.error_catalogue import Diagnosis, ServiceAnswer, diagnose
from hardening.mailer.settings import MailerSettings, Proxy

_LONGEST_ANSWER = 16_384  # bytes of a proxy's answer
_PATIENCE = 20.0  # seconds for it, where nobody says another time


class RefusedBy(HardeningError):  # noqa: N818 - reads as what happened
    """The service, or the way to it, said no; `answer` is what came, `diagnosis` what it means."""

    exit_code = ProbeError.exit_code

    def __init__(self, answer: ServiceAnswer, *, uncertain: bool = False) -> None:
        self.answer = answer
        self.uncertain = uncertain
        """The request was on its way: the other side may have acted on it."""
        self.recipient = ""
        """At whose name an SMTP server hung up."""
        self.diagnosis: Diagnosis = diagnose(answer)
        super().__init__(f"{answer.where}: {self.diagnosis.meaning}", hint=self.diagnosis.remedy)


def unreachable(name: str, text: str, *, uncertain: bool = False) -> RefusedBy:
    """Return (not raise) a failure of the network, by its name in hardening.mailer.error_catalogue."""
    return RefusedBy(ServiceAnswer(where="network", name=name, text=text), uncertain=uncertain)


def context(settings: MailerSettings) -> ssl.SSLContext:
    """Return a TLS context: the system's authorities and `ca_file`, names checked, 1.2 at least."""
    tls = ssl.create_default_context()
    tls.minimum_version = ssl.TLSVersion.TLSv1_2
    if settings.ca_file is not None:
        try:
            tls.load_verify_locations(settings.ca_file)
        except (OSError, ssl.SSLError) as problem:
            raise unreachable(
                "tls-untrusted", f"ca_file: {getattr(problem, 'strerror', None) or type(problem).__name__}"
            ) from problem
    return tls


def unverified() -> ssl.SSLContext:
    """Return a context that checks nothing: to read who signed what answers. Nothing is sent under it."""
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    tls.check_hostname = False
    tls.verify_mode = ssl.CERT_NONE
    return tls


def issuer(session: ssl.SSLSocket) -> str:
    """Return who signed the certificate of the other side."""
    from cryptography.x509 import load_der_x509_certificate

    raw = session.getpeercert(binary_form=True)
    return load_der_x509_certificate(raw).issuer.rfc4514_string() if raw else "nobody"


def signed_by(problem: RefusedBy, issuer: str) -> RefusedBy:
    """Return a distrust with who signed what answers, so that an operator knows the box that opens TLS."""
    return unreachable("tls-untrusted", f"{problem.answer.text}; it was issued by {issuer}")


def connected(settings: MailerSettings, host: str, port: int, *, through_proxy: bool = True) -> socket.socket:
    """Return a connected socket to host:port. Errors: RefusedBy (dns, refused, timeout, proxy-...)."""
    if settings.proxy is None or not through_proxy:
        return _dialled(host, port, settings.timeout)
    try:
        dialled = _dialled(*settings.proxy.address, settings.timeout)
    except RefusedBy as problem:
        raise unreachable("proxy-unreachable", f"proxy: {problem.answer.text}") from problem
    try:
        _tunnel(dialled, settings.proxy, host, port)
    except OSError as problem:
        dialled.close()
        raise unreachable("proxy-refused", f"the proxy hung up on CONNECT {host}:{port}") from problem
    except RefusedBy:
        dialled.close()
        raise
    return dialled


def _dialled(host: str, port: int, timeout: float) -> socket.socket:
    try:
        return socket.create_connection((host, port), timeout)
    except socket.gaierror as problem:
        raise unreachable("dns", f"{host} has no address: {problem.strerror}") from problem
    except TimeoutError as problem:
        raise unreachable("timeout", f"{host}:{port} did not answer in {timeout:g} s") from problem
    except OSError as problem:
        raise unreachable("refused", f"{host}:{port}: {problem.strerror or problem}") from problem


def _tunnel(dialled: socket.socket, proxy: Proxy, host: str, port: int) -> None:
    parts = urlsplit(proxy.url)
    lines = [f"CONNECT {host}:{port} HTTP/1.1", f"Host: {host}:{port}"]
    if parts.username is not None:
        pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}".encode()
        lines.append(f"Proxy-Authorization: Basic {base64.b64encode(pair).decode()}")
    dialled.sendall("\r\n".join((*lines, "", "")).encode("ascii"))
    head, end = b"", time.monotonic() + (dialled.gettimeout() or _PATIENCE)
    while b"\r\n\r\n" not in head and len(head) < _LONGEST_ANSWER:
        if time.monotonic() > end:
            raise TimeoutError  # each byte in time, and the whole never
        byte = dialled.recv(1)  # not one more than the head: what follows belongs to the tunnel
        if not byte:
            break
        head += byte
    status = head.split(b"\r\n", 1)[0].decode("latin-1").split(" ", 2)
    code = status[1] if len(status) > 1 else "nothing"
    if code == "407":
        raise unreachable("proxy-auth", "the proxy requires authentication (407)")
    if code.startswith("5"):
        raise unreachable("proxy-failed", f"the proxy answered {code} to CONNECT {host}:{port}")
    if code != "200":
        raise unreachable("proxy-refused", f"the proxy answered {code} to CONNECT {host}:{port}")


def tls_failure(problem: Exception, host: str) -> RefusedBy:
    """Return the failure behind an exception of a TLS handshake."""
    text = str(problem)
    if isinstance(problem, ssl.SSLCertVerificationError):
        name = {10: "tls-expired", 9: "tls-expired", 62: "tls-name", 64: "tls-name"}.get(
            problem.verify_code, "tls-untrusted"
        )
        return unreachable(name, f"the certificate of {host}: {problem.verify_message}")
    if any(
        word in text.upper()
        for word in ("UNSUPPORTED_PROTOCOL", "PROTOCOL_VERSION", "VERSION_TOO_LOW", "NO_PROTOCOLS")
    ):
        return unreachable("tls-version", f"{host} does not support TLS 1.2")
    if isinstance(problem, TimeoutError):
        return unreachable("timeout", f"{host} did not finish the TLS handshake in time")
    if isinstance(problem, ssl.SSLEOFError | ConnectionError):
        return unreachable("closed", f"{host} closed during the TLS handshake")
    return unreachable("tls-failed", f"TLS with {host}: {getattr(problem, 'reason', None) or text}")


def host_port(endpoint: str, default: int) -> tuple[str, int]:
    """Split `host`, `host:port` or `[v6]:port`."""
    parts = urlsplit(f"//{endpoint}")
    return parts.hostname or "", parts.port or default
