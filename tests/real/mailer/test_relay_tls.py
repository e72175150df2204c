"""Where Python has no TLS client that checks names, the host's own openssl or curl speaks: as strictly."""

from __future__ import annotations

import json
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import trustme

from hardening.onhost.relay import certificate_names, settings, tls
from tests.support.host.little import interpreter
from tests.support.mailer.fixtures import Site
from tests.support.mailer.relayed import Relay

WAYS = (("openssl", "graph"), ("openssl", "smtp"), ("curl", "graph"), ("python", "graph"), ("python", "smtp"))


@pytest.fixture(params=["2.7", "this"])
def relay(request: pytest.FixtureRequest, site: Site) -> Iterator[Relay]:
    made = Relay(site, sys.executable if request.param == "this" else interpreter(request.param))
    yield made
    made.kill()


@pytest.fixture
def new(site: Site) -> Iterator[Relay]:
    made = Relay(site, sys.executable)
    yield made
    made.kill()


def troubled(relay: Relay, seconds: float = 30) -> str:
    """Return what the relay says of its trouble, as soon as it says anything."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        place = relay.spool / "status.json"
        trouble = str(json.loads(place.read_text())["trouble"]) if place.exists() else ""
        if trouble:
            return trouble
        time.sleep(0.05)
    raise AssertionError("no trouble was said")


@pytest.mark.parametrize(("who", "transport"), WAYS)
@pytest.mark.parametrize("proxied", [True, False], ids=["proxy", "direct"])
def test_a_mail_goes_out(relay: Relay, who: str, transport: str, proxied: bool) -> None:
    """A mail whose lines begin with the letters that s_client takes for commands, longer than any buffer."""
    fake = relay.site.fake
    if not proxied:
        relay.settings.update(
            proxy="", authority=f"localhost:{fake.web}", graph=f"localhost:{fake.web}", smtp=f"localhost:{fake.smtp}"
        )  # fmt: skip
    text = "\r\n".join(("Q", "R", ".", "k", "Q" * 70, "R" * 70) * 600)
    relay.start(transport_tls=who, transports=[transport])
    relay.submit("A-1", text=text)
    relay.submit("A-2", text="second")
    assert relay.drained(60)
    first, second = sorted(fake.accepted, key=lambda mail: str(mail.headers["X-Alarm-Id"]))
    assert {mail.transport for mail in (first, second)} == {transport}
    assert first.headers.get_payload().replace("\r\n", "\n").strip() == text.replace("\r\n", "\n")
    assert second.headers["X-Possible-Duplicate"] is None


def _old(site: Site) -> ssl.SSLContext:
    """A server that speaks TLS 1.0 alone, as OpenSSL 3 still does when it is told to lower its level."""
    made = site.fake.other_tls()
    made.set_ciphers("ALL:@SECLEVEL=0")
    made.minimum_version = ssl.TLSVersion.TLSv1
    made.maximum_version = ssl.TLSVersion.TLSv1
    return made


WRONG: dict[str, Callable[[Site], ssl.SSLContext]] = {
    "name": lambda site: site.fake.other_tls("proxy.example.com"),
    "wildcard": lambda site: site.fake.other_tls("*.com", "*.a.office365.com", "login.microsoftonline.com.example.com"),
    "untrusted": lambda site: site.fake.other_tls(untrusted=True),
    "old": _old,
}  # fmt: skip


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize(
    ("who", "transport", "how"),
    [(*one, how) for one in WAYS for how in WRONG if how != "wildcard" or one[0] == "openssl"],
)
def test_nothing_is_said_to_the_wrong_server(new: Relay, who: str, transport: str, how: str) -> None:
    fake = new.site.fake
    wrong = WRONG[how](new.site)
    if transport == "smtp":
        fake.smtp_tls = wrong
    else:
        fake.inspect = wrong
    new.start(transport_tls=who, transports=[transport])
    new.submit("A-1")
    said = troubled(new)
    assert [one for one in fake.requests if transport == "graph" or one == "AUTH"] == []
    assert fake.accepted == []
    assert new.waiting() == 1
    words = {
        "name": "name|match|Hostname|curl 60",
        "wildcard": "name|match|Hostname|curl 60",
        "untrusted": "issuer|self|certificate|verify",
    }
    assert how == "old" or any(word in said for word in words[how].split("|")), said
    fake.inspect, fake.smtp_tls = None, fake.tls
    assert new.drained(30)


def test_the_server_that_is_old_speaks_to_who_asks_for_less(site: Site) -> None:
    """Else the test above would show nothing: the double really speaks TLS 1.0."""
    with pytest.warns(DeprecationWarning, match="TLSv1"):
        site.fake.inspect = _old(site)
    argv = [
        "openssl",
        "s_client",
        "-connect",
        f"127.0.0.1:{site.fake.web}",
        "-tls1",
        "-cipher",
        "ALL:@SECLEVEL=0",
    ]
    done = subprocess.run(argv, input="", capture_output=True, text=True, check=False, timeout=20)
    assert "Protocol  : TLSv1\n" in done.stdout or "TLSv1," in done.stdout, done.stdout[-900:]


OLD_SSL = """#!/bin/sh
# Knows the options of s_client 1.0.1 alone, as CentOS 6 has it, and refuses what came later.
if [ "$1" = s_client ]; then
  case "$2" in -help)
    echo 'unknown option -help'; echo 'usage: s_client args'
    for one in host port connect verify cert key CAfile ign_eof quiet tls1_2 servername verify_return_error; do echo " -$one - x"; done
    exit 1 ;;
  esac
  for one in "$@"; do
    case "$one" in -verify_hostname|-proxy|-nocommands|-brief|-noservername|-verify_quiet) echo "unknown option $one" >&2; exit 1 ;; esac
  done
fi
exec openssl "$@"
"""


def script(folder: Path, name: str, text: str) -> str:
    path = folder / name
    path.write_text(text)
    path.chmod(0o755)
    return str(path)


def test_an_openssl_without_newer_options_does(new: Relay) -> None:
    old = script(new.site.folder, "old-openssl", OLD_SSL)
    new.start(transport_tls="openssl", openssl=old)
    new.submit("A-1")
    assert new.drained(30)
    new.kill()
    new.site.fake.inspect = new.site.fake.other_tls("proxy.example.com")
    new.start()
    new.submit("A-2")
    assert "another name" in troubled(new)


def refused(relay: Relay, **settings: object) -> subprocess.CompletedProcess[str]:
    relay.port = 2525
    relay.settings.update(settings)
    return relay.run("serve")


def test_where_nothing_can_it_refuses_with_the_way_out(new: Relay) -> None:
    older = script(
        new.site.folder, "older-openssl", "#!/bin/sh\necho ' -connect x'; echo ' -CAfile x'; exit 1\n"
    )
    bad = script(
        new.site.folder, "older-curl", "#!/bin/sh\necho 'curl: option --tlsv1.2: is unknown' >&2; exit 2\n"
    )
    done = refused(new, transport_tls="openssl", openssl=older)
    assert (done.returncode, "no -tls1_2" in done.stderr) == (69, True)
    assert "ssh -N -L" in done.stderr
    done = refused(new, transport_tls="curl", curl=bad)
    assert (done.returncode, "no --tlsv1.2" in done.stderr) == (69, True)
    done = refused(new, transport_tls="curl", curl="curl", transports=["smtp"])
    assert (done.returncode, "no graph" in done.stderr) == (69, True)
    done = refused(new, transport_tls="curl", curl=str(new.site.folder / "absent"), transports=["graph"])
    assert (done.returncode, "not installed" in done.stderr) == (69, True)
    assert "Traceback" not in done.stderr


def test_the_switch_is_an_option_too(new: Relay) -> None:
    new.port = 2525
    done = new.run("serve", "--transport-tls", "netcat")
    assert (done.returncode, done.stderr) == (
        64,
        "relay: transport_tls is not one of auto, python, openssl, curl\n",
    )


def test_with_python_2_6_openssl_is_chosen_by_itself(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delattr(ssl, "create_default_context")
    config = {**settings.DEFAULTS, "spool": str(tmp_path)}
    assert tls.tls_by(config) == "openssl"
    config = {**settings.DEFAULTS, "spool": str(tmp_path), "openssl": "/nonexistent", "transports": ["graph"]}
    assert tls.tls_by(config) == "curl"


@pytest.mark.parametrize(
    ("names", "host", "good"),
    [
        (["login.microsoftonline.com"], "Login.MicrosoftOnline.com", True),
        (["*.office365.com"], "smtp.office365.com", True),
        (["*.office365.com"], "a.smtp.office365.com", False),
        (["*.office365.com"], "office365.com", False),
        (["*.com"], "office365.com", False),
        (["smtp.office365.com.example.com"], "smtp.office365.com", False),
        (["127.0.0.1"], "127.0.0.1", True),
        (["127.0.0.1"], "127.0.0.2", False),
        (["::1"], "::1", True),
    ],
)
def test_names_are_read_from_the_certificate(names: list[str], host: str, good: bool) -> None:
    made = trustme.CA().issue_cert(*names)
    der = ssl.PEM_cert_to_DER_cert(made.cert_chain_pems[0].bytes().decode())
    assert certificate_names.is_for(der, host) is good


def test_a_certificate_cut_anywhere_is_for_nobody() -> None:
    der = ssl.PEM_cert_to_DER_cert(trustme.CA().issue_cert("a.example").cert_chain_pems[0].bytes().decode())
    assert certificate_names.is_for(der, "a.example")
    assert not any(certificate_names.is_for(der[:cut], "a.example") for cut in range(0, len(der) - 1, 7))
