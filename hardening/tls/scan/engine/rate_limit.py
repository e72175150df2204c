"""How fast one endpoint may be asked: a token bucket that backs off and recovers; no clock of its own."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from hardening.tls.scan.engine.in_flight import SLOW

FIRST_PAUSE = 0.1
HELD_UP = 1.5
"""By how much an answer may take longer among many questions before they count as held up by each other."""
FIRST_WIDTH = 2
"""Questions at once that a slow server is asked first: where it works on one at a time, the second is answered before it seems silent."""
OFTEN = 3
"""Answers in a row that were held up by others, after which a slow server is asked one question at a time."""
CRAWL = 3.0
"""Questions a second at which hardly any limit is still at work."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RateLimits:
    """What is polite towards one host."""

    rate: float = 120.0
    """Questions a second, at most."""
    burst: int = 16
    parallel: int = 3
    """Connections open at once, at most."""
    widest: int = 16
    """The same at a slow server that answers many at once as fast as one."""
    slowest: float = 0.5
    patience: float = 45.0
    """Seconds of trouble in a row, without one good answer, after which the endpoint is given up."""
    budget: float = 600.0
    """Seconds after which whatever is not settled stays inconclusive."""

    def shared(self, count: int) -> RateLimits:
        """Return the share of one of several names of a server: together they are asked as fast as one."""
        return replace(
            self,
            rate=self.rate / count,
            burst=max(1, self.burst // count),
            parallel=max(1, self.parallel // count),
            widest=max(1, self.widest // count),
        )


class Pace:
    """Additive recovery, multiplicative back-off; every method is told the time in seconds."""

    def __init__(self, limits: RateLimits, now: float) -> None:
        self.limits = limits
        self.now = now
        """What time it was when something was heard last; whoever carries the questions sets it."""
        self.rate = limits.rate
        self.parallel = limits.parallel
        self.troubled = False
        """Whether this endpoint ever made us slow down."""
        self._tokens = float(limits.burst)
        self._burst = float(limits.burst)
        self._at = now
        self._not_before = now
        self._pause = FIRST_PAUSE
        self._good_in_a_row = 0
        self._ceiling = limits.rate
        self.starts: list[float] = []
        """When each question went out, in order."""
        self._bad_since: float | None = None
        self._slowed_at = -1.0
        self._history: deque[tuple[float, int]] = deque(maxlen=5)
        self._wide = 0
        self._narrow = self.parallel
        self.indifferent = False
        """Whether trouble comes however slowly we ask."""
        self._held_up = 0
        """How many answers in a row were held up, of those that were asked for among others."""
        self.quickest: float | None = None
        """Seconds that the fastest answer took."""

    def may_start(self, now: float, open_now: int) -> bool:
        """Tell whether one more question may go out, and take its token if so."""
        if open_now >= self.parallel or now < self._not_before:
            return False
        self._refill(now)
        if self._tokens < 1:
            return False
        self._tokens -= 1
        self.starts.append(now)
        return True

    def next_start(self, now: float) -> float:
        """Return when a token will be there (seconds, same clock)."""
        self._refill(now)
        wait = max(0.0, (1 - self._tokens) / self.rate)
        return max(self._not_before, now + wait)

    def _refill(self, now: float) -> None:
        self._tokens = min(self._burst, self._tokens + max(0.0, now - self._at) * self.rate)
        self._at = now

    @property
    def slow(self) -> bool:
        """Whether even the fastest answer took so long that asking one by one would take minutes."""
        return self.quickest is not None and self.quickest >= SLOW

    def patience(self, least: float) -> float:
        """Return for how many seconds of silence to wait: `least`, or longer for a slow server."""
        return max(least, 3 * (self.quickest or 0.0))

    def busy(self) -> None:
        """Note that there is much to ask: side by side, unless that has brought trouble; a slow server shows by itself what it bears."""
        if not self.troubled and not self.slow:
            self.parallel = max(self.parallel, self.limits.parallel)

    def took(self, seconds: float, level: int) -> None:
        """Note how long an answer took that was asked among so many: a slow server is asked for more at once, until that holds it up."""
        first, self.quickest = self.quickest is None, min(seconds, self.quickest or seconds)
        if not self.slow:
            self.parallel = min(self.parallel, self.limits.parallel)
        if not self.slow or self.troubled:
            return
        if first:
            self.parallel = min(self.parallel, FIRST_WIDTH)
            return
        if seconds > HELD_UP * self.quickest:
            if level > 1:
                self._held_up += 1
                self.parallel = max(1, min(self.parallel, level // 2))
            return
        if level > 1:
            self._held_up = 0
        if level > self.parallel // 2 and self._held_up < OFTEN:
            self.parallel = max(self.parallel, min(self.limits.widest, 2 * self.parallel))

    def good(self) -> None:
        """Note that the endpoint answered."""
        self._bad_since = None
        self._pause = max(FIRST_PAUSE, self._pause / 2)
        self._good_in_a_row += 1
        if self.troubled and self._good_in_a_row % 8 == 0:
            self._ceiling = min(self.limits.rate, self._ceiling * 1.05)
            self.rate = min(self._ceiling * 0.9, self.rate * 1.3)
            if self._good_in_a_row % 24 == 0:
                self.parallel = min(self.limits.parallel, self.parallel + 1)

    def bad(self, now: float, started: float) -> None:
        """Note that the endpoint did not answer a question that was asked at `started`.

        What was on its way already when we last slowed down does not slow us down again.
        """
        if self._bad_since is None:
            self._bad_since = now
        if started <= self._slowed_at:
            return
        self._slowed_at = now
        if self._is_indifferent():
            self._not_before = now + FIRST_PAUSE
            self._good_in_a_row = 0
            return
        measured = self._measured(now)
        if not self.troubled:
            self._ceiling = min(self._ceiling, max(measured, self.limits.slowest))
            self.rate = min(self.rate, measured)
        elif self._good_in_a_row:
            self._ceiling = min(self._ceiling, max(self.rate, self.limits.slowest))
        self.rate = max(self.limits.slowest, self.rate * 0.6)
        self.troubled = True
        self.parallel = 1
        self._burst = 1.0
        self._tokens = min(self._tokens, 1.0)
        self._good_in_a_row = 0
        self._not_before = now + self._pause
        self._pause = min(8.0, self._pause * 2)

    @contextmanager
    def widened(self, yes: bool) -> Iterator[None]:
        """Let as many questions out at once as the limits allow, where silence is known to be about the question alone."""
        if yes and not self._wide:
            self._narrow = self.parallel
        self._wide += yes
        self.parallel = max(self.parallel, self.limits.parallel) if yes else self.parallel
        try:
            yield
        finally:
            self._wide -= yes
            if yes and not self._wide:
                self.parallel = self._narrow

    def rest(self, now: float, seconds: float) -> None:
        """Ask nothing for a while."""
        self._not_before = max(self._not_before, now + seconds)

    def _is_indifferent(self) -> bool:
        """Tell whether slowing down has not helped: then the trouble is chance, and speed is not to blame."""
        if self.indifferent:
            return True
        self._history.append((self.rate, self._good_in_a_row))
        if len(self._history) < 5:
            return False
        (before, _), (now, streak) = self._history[0], self._history[-1]
        streaks = [s for _, s in list(self._history)[:-1]]
        if streak and now <= CRAWL and now <= before / 3 and streak <= 1.5 * sum(streaks) / len(streaks) + 2:
            self.indifferent = True
            self.rate = self.limits.rate / 4
        return self.indifferent

    def snapshot(self) -> tuple[float, int, float, bool, float]:
        """Return the speed, to go back to when trouble turns out to be about something else."""
        return (self.rate, self.parallel, self._ceiling, self.troubled, self._burst)

    def restore(self, before: tuple[float, int, float, bool, float]) -> None:
        """Go back to an earlier speed: the trouble was the question's, not the pace's."""
        self.rate, self.parallel, self._ceiling, self.troubled, self._burst = before
        self._bad_since = None
        self._pause = FIRST_PAUSE

    def _measured(self, now: float) -> float:
        """Questions a second over the last ones."""
        recent = [t for t in self.starts[-40:] if now - t <= 1.0]
        return float(len(recent)) if recent else self.rate

    def given_up(self, now: float) -> bool:
        """Tell whether the trouble has lasted longer than the patience."""
        return self._bad_since is not None and now - self._bad_since > self.limits.patience
