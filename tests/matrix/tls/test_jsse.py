"""Java's own TLS as we model it, against the JVMs that are installed: every suite, in their order."""

from __future__ import annotations

from pathlib import Path

import pytest

from hardening.tls.libraries import jsse
from tests.real.tls.test_jsse import HOMES, asked, classes, same
from tests.support.tls import java_servers

__all__ = ["classes"]


@pytest.mark.parametrize("home", HOMES)
def test_every_word_takes_away_the_same(home: Path, classes: Path, tmp_path: Path) -> None:
    jdk = jsse.jdk(java_servers.known(home))
    words = sorted({word for suite in jdk.suites for word in jsse.parts(suite)})
    for word in (*words, "K_RSA", "TLS_*_GCM_SHA256", *jdk.suites[:5]):
        same(asked(home, classes, tmp_path, word), home, word)
