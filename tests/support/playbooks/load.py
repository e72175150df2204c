"""Clients that keep asking a server over HTTPS, at a bounded pace, and keep count."""

from __future__ import annotations

import http.client
import ssl
import threading
import time
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

CLIENTS, PACE = 4, 0.04
"""Threads, and the seconds from one question of a thread to its next: at most 100 questions a second."""


@dataclass
class Load:
    """Half of the clients open a connection for every question, half keep theirs for as long as the server does."""

    port: int
    asked: int = 0
    again: int = 0
    """Questions on a kept connection that the server had closed meanwhile, asked anew as every browser does."""
    failed: list[str] = field(default_factory=list)
    slowest: float = 0.0
    statuses: set[int] = field(default_factory=set)
    over: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)
    threads: list[threading.Thread] = field(default_factory=list)

    def __enter__(self) -> Self:
        self.threads = [threading.Thread(target=self._client, args=(n % 2 == 1,)) for n in range(CLIENTS)]
        for one in self.threads:
            one.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.over.set()
        for one in self.threads:
            one.join()

    def _connection(self) -> http.client.HTTPSConnection:
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE  # the question is whether it answers, not who it is
        context.set_ciphers("DEFAULT:@SECLEVEL=0")  # the servers' old suites as well as the new ones
        return http.client.HTTPSConnection("127.0.0.1", self.port, timeout=20, context=context)

    def _client(self, keeps: bool) -> None:
        kept: http.client.HTTPSConnection | None = None
        while not self.over.is_set():
            began, fresh = time.monotonic(), kept is None
            connection = kept or self._connection()
            try:
                status, stays = self._question(connection, keeps)
            except (OSError, http.client.HTTPException) as problem:
                connection.close()
                kept = None
                with self.lock:
                    if fresh:
                        self.asked += 1
                        self.failed.append(f"{type(problem).__name__}: {problem}")
                    else:
                        self.again += 1
                continue
            kept = connection if stays else None
            if kept is None:
                connection.close()
            took = time.monotonic() - began
            with self.lock:
                self.asked, self.slowest = self.asked + 1, max(self.slowest, took)
                self.statuses.add(status)
            self.over.wait(max(0.0, PACE - took))
        if kept is not None:
            kept.close()

    @staticmethod
    def _question(connection: http.client.HTTPSConnection, keeps: bool) -> tuple[int, bool]:
        connection.request("GET", "/", headers={"Connection": "keep-alive" if keeps else "close"})
        response = connection.getresponse()
        response.read()  # a body that ends early is an exception
        return response.status, keeps and not response.will_close
