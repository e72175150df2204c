"""Lines that are repeated, inherited, taken back or remarked upon: each server is read as it reads itself."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

from hardening.tls.auditing import audit as audits
from hardening.tls.offer import Offer
from hardening.tls.scan import run as scans
from hardening.tls.targets import find
from tests.support.ports import free_port
from tests.support.tls import compared, servers
from tests.unit.tls.targets.test_which_line_holds import SQUID, STUNNEL

NGINX = (
    "server {{ listen 127.0.0.1:{port} ssl; ssl_certificate {crt}; ssl_certificate_key {key}; "
    "ssl_ciphers HIGH:@SECLEVEL=0; {own} }}\n"
)


VSFTPD = "listen_port={port}\nssl_enable=YES\nrsa_cert_file={crt}\nrsa_private_key_file={key}\n{own}"


POSTGRESQL = (
    "port={port}\nssl=on\nssl_cert_file='{crt}'\nssl_key_file='{key}'\nssl_ciphers='HIGH:@SECLEVEL=0'\n{own}"
)


COTURN = "tls-listening-port={port}\ncert={crt}\npkey={key}\n{own}"


TEXTS = {
    "nginx-repeated": ("nginx", NGINX, "ssl_protocols TLSv1; ssl_protocols tlsv1.2;"),
    "stunnel-cleared": ("stunnel", STUNNEL, "sslVersionMin = TLSv1\noptions = -NO_TLSv1\noptions = NO_TLSv1\n"),
    "stunnel-version": ("stunnel", STUNNEL, "sslVersion = TLSv1.2\nsslVersionMin = TLSv1\n"),
    "squid-remark": ("squid", SQUID, "# tls-min-version=1.2"),
    "squid-version": ("squid", SQUID, "version=5"),
    "squid-taken-back": ("squid", SQUID, "options=NO_TLSv1,NO_TLSv1_1,-NO_TLSv1"),
    "vsftpd-empty": ("vsftpd", VSFTPD, "ssl_ciphers=\n"),
    "postgresql-remark": ("postgresql", POSTGRESQL, "ssl = tru\nssl_min_protocol_version='tlsv1.1'#'\n"),
    "coturn-blanks": ("coturn", COTURN, "cipher-list AES128-SHA:@SECLEVEL=0\nno-tlsv1=0\nno-tlsv1_1 no\nno-tlsv1_2\n"),
}  # fmt: skip


def _answers(offer: Offer) -> dict[str, set[str]]:
    return {name: set(suites) for name, suites in compared.seen_in(offer).items()}


SLOW = "coturn-blanks"
"""It meets a hello it does not like with silence, which a scan is patient with: tests/matrix has it."""


@pytest.mark.parametrize("case", sorted(TEXTS.keys() - {SLOW}))
def test_a_real_server_offers_what_is_read(case: str) -> None:
    name, text, own = TEXTS[case]
    server = servers.needed(name)
    with tempfile.TemporaryDirectory(prefix="harden-lines-") as made_in:
        folder = Path(made_in)
        folder.chmod(0o755)
        pair, port = servers.pair("rsa", folder / "certificates"), free_port()
        filled = text.format(port=port, crt=pair.certificate, key=pair.key, both=pair.both, own=own, top="")
        main = servers.write(name, filled, folder / "server", port, pair)
        (read,) = audits.read(main, find(name), version=server.release() or find(name).facts.default)
        with servers.running(name, main, port):
            settings = scans.Settings(full=True, starttls=server.starttls)
            (seen,) = scans.offers([f"127.0.0.1:{port}"], settings)
        assert _answers(read) == _answers(seen)
