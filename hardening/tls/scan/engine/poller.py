"""Which sockets have something to say; epoll with edges where there is one, since that takes the fewest system calls."""

from __future__ import annotations

import select
import selectors
import socket
from typing import Any, Protocol

Event = tuple[Any, bool, bool]
"""An item, whether its socket may be read, whether it may be written."""


class Poller(Protocol):
    """Watches sockets; each is handed in with what to return for it."""

    def add(self, sock: socket.socket, item: Any) -> None:
        """Watch a socket that is connecting."""

    def reads(self, sock: socket.socket, item: Any, /) -> None:
        """Note that nothing is left to be sent."""

    def writes(self, sock: socket.socket, item: Any, /) -> None:
        """Note that something is to be sent."""

    def remove(self, sock: socket.socket) -> None:
        """Watch it no more; it is closed right after."""

    def wait(self, timeout: float) -> list[Event]:
        """Return what happened, after at most that many seconds."""

    def close(self) -> None:
        """Give back what the system lent."""


class Edges:
    """epoll, edge-triggered: one call to begin with a socket, none to end, since closing it does."""

    def __init__(self) -> None:
        self._epoll = select.epoll()
        self._items: dict[int, Any] = {}

    def add(self, sock: socket.socket, item: Any) -> None:
        """Watch a socket that is connecting."""
        number = sock.fileno()
        self._items[number] = item
        self._epoll.register(number, select.EPOLLIN | select.EPOLLOUT | select.EPOLLET)

    def reads(self, _sock: socket.socket, _item: Any) -> None:
        """Nothing to do: edges tell of both."""

    def writes(self, sock: socket.socket, _item: Any) -> None:
        """Have the edge told again: the socket may have been writable all along."""
        self._epoll.modify(sock.fileno(), select.EPOLLIN | select.EPOLLOUT | select.EPOLLET)

    def remove(self, sock: socket.socket) -> None:
        """Forget the item; closing the socket ends the watch."""
        del self._items[sock.fileno()]

    def wait(self, timeout: float) -> list[Event]:
        """Return what happened, after at most that many seconds."""
        found = self._epoll.poll(timeout, 1024)
        items, ended = self._items, select.EPOLLERR | select.EPOLLHUP
        return [
            (items[n], bool(mask & (select.EPOLLIN | ended)), bool(mask & (select.EPOLLOUT | ended)))
            for n, mask in found
            if n in items
        ]

    def close(self) -> None:
        """Give back what the system lent."""
        self._epoll.close()


class Levels:
    """Whatever the system has, through `selectors`."""

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()

    def add(self, sock: socket.socket, item: Any) -> None:
        """Watch a socket that is connecting."""
        self._selector.register(sock, selectors.EVENT_WRITE, item)

    def reads(self, sock: socket.socket, item: Any) -> None:
        """Note that nothing is left to be sent."""
        self._selector.modify(sock, selectors.EVENT_READ, item)

    def writes(self, sock: socket.socket, item: Any) -> None:
        """Note that something is to be sent."""
        self._selector.modify(sock, selectors.EVENT_READ | selectors.EVENT_WRITE, item)

    def remove(self, sock: socket.socket) -> None:
        """Watch it no more."""
        self._selector.unregister(sock)

    def wait(self, timeout: float) -> list[Event]:
        """Return what happened, after at most that many seconds."""
        return [
            (key.data, bool(mask & selectors.EVENT_READ), bool(mask & selectors.EVENT_WRITE))
            for key, mask in self._selector.select(timeout)
        ]

    def close(self) -> None:
        """Give back what the system lent."""
        self._selector.close()


def best() -> Poller:
    """Return the quickest poller this system has."""
    return Edges() if hasattr(select, "epoll") else Levels()
