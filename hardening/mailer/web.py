"""One HTTPS client for tokens, Graph and EWS: no environment, always a time-out, failures with a name."""

from __future__ import annotations

import ssl
from typing import Any

import requests
from requests.adapters import HTTPAdapter

from hardening.mailer.error_catalogue import PORTAL
from hardening.mailer.net import RefusedBy, context, tls_failure, unreachable
from hardening.mailer.settings import MailerSettings


class _Verified(HTTPAdapter):
    """An adapter that uses our TLS context, also inside a proxy's tunnel."""

    def __init__(self, tls: ssl.SSLContext) -> None:
        self._tls = tls
        super().__init__()

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Add the context to the pool."""
        super().init_poolmanager(*args, ssl_context=self._tls, **kwargs)

    def proxy_manager_for(self, proxy: Any, **kwargs: Any) -> Any:
        """Add the context to the pool behind the proxy."""
        return super().proxy_manager_for(proxy, ssl_context=self._tls, **kwargs)


class WebClient(requests.Session):
    """A session without the environment's proxies and authorities, which always has a time-out."""

    def __init__(self, settings: MailerSettings) -> None:
        super().__init__()
        self.trust_env = False  # REQUESTS_CA_BUNDLE would win over what the settings say
        self._timeout = settings.timeout
        self.last: requests.Response | None = None
        self.mount("https://", _Verified(context(settings)))
        self.mount("http://", _Refused())
        if settings.proxy is not None:
            self.proxies = {"https": settings.proxy.url}

    def request(self, *args: Any, **kwargs: Any) -> requests.Response:
        """Send a request. Errors: RefusedBy, never one of requests' own."""
        kwargs["timeout"] = kwargs.get("timeout") or self._timeout
        kwargs["stream"] = True  # read by `_whole`, which knows where to stop
        kwargs["allow_redirects"] = False  # requests' own get() asks for them; no service here redirects
        try:
            self.last = _whole(super().request(*args, **kwargs))
        except requests.RequestException as problem:
            raise _named(problem) from None  # its text may quote the request
        return self.last


_LARGEST = 16 << 20
"""Bytes of an answer, unpacked, that are read: no service here says more."""


def _whole(answer: requests.Response) -> requests.Response:
    """Return an answer that was read to its end. Errors: RefusedBy for one that has none, requests' own."""
    content = bytearray()
    for block in answer.iter_content(1 << 16):
        content += block
        if len(content) > _LARGEST:
            answer.close()
            host = answer.url.partition("://")[2].partition("/")[0]
            raise unreachable(
                "closed", f"{host} answered with more than {_LARGEST >> 20} MiB", uncertain=True
            )
    answer._content = bytes(content)  # noqa: SLF001 - as requests itself keeps what it read
    return answer


_FILTERS = (400, 403)
"""What filtering proxies answer with a page of theirs."""


def foreign(answer: requests.Response) -> bool:
    """Return whether something between answered in the service's place: a page, a redirection, a portal's own status."""
    page = answer.headers.get("Content-Type", "").partition(";")[0].strip().lower() == "text/html"
    good, redirection = answer.status_code < 300, 300 <= answer.status_code < 400  # noqa: PLR2004 - HTTP's own borders
    return redirection or answer.status_code == PORTAL or (page and (good or answer.status_code in _FILTERS))


class _Refused(HTTPAdapter):
    def send(self, request: Any, *_args: Any, **_kwargs: Any) -> Any:
        """Refuse plain HTTP: a discovery document may not lead there."""
        raise unreachable("tls-failed", f"refused an address without TLS: {request.url.partition('?')[0]}")


def _named(problem: requests.RequestException) -> RefusedBy:
    inner = _innermost(problem)
    host = getattr(problem.request, "url", None) or "the host"
    host = host.partition("://")[2].partition("/")[0] or host
    text = str(problem)
    if isinstance(inner, ssl.SSLError):
        return tls_failure(inner, host)
    if isinstance(problem, requests.exceptions.ProxyError):
        return _proxy_refusal(text, host)
    if isinstance(problem, requests.exceptions.Timeout):
        requested = not isinstance(problem, requests.exceptions.ConnectTimeout)
        return unreachable("timeout", f"{host} did not answer in time", uncertain=requested)
    names = {"NameResolution": "dns", "getaddrinfo": "dns", "refused": "refused"}
    name = next((name for word, name in names.items() if word in text), "closed")
    return unreachable(name, f"{host}: {type(problem).__name__}", uncertain=name == "closed")


def _proxy_refusal(text: str, host: str) -> RefusedBy:
    if "Tunnel connection failed: 407" in text:
        return unreachable("proxy-auth", "the proxy requires authentication (407)")
    if "Tunnel connection failed: 5" in text:
        return unreachable("proxy-failed", f"the proxy cannot reach {host}")
    if "Tunnel connection failed" in text:
        return unreachable("proxy-refused", f"the proxy does not connect to {host}")
    if "NewConnectionError" in text or "NameResolution" in text:
        return unreachable("proxy-unreachable", "the proxy does not answer")
    return unreachable("closed", f"{host} closed without an answer", uncertain=True)  # inside the tunnel


def _innermost(problem: BaseException) -> BaseException:
    seen = [problem]
    while True:
        last = seen[-1]
        reason = getattr(last, "reason", None)
        candidates = [last.__cause__, last.__context__, reason, *last.args]
        following = next((c for c in candidates if isinstance(c, BaseException) and c not in seen), None)
        if isinstance(last, ssl.SSLError) or following is None:
            return last
        seen.append(following)
