"""TLS 1.2 or newer with a checked certificate: by Python, by openssl or by curl."""

import ssl

from hardening.onhost.relay.curl import curl_lacks
from hardening.onhost.relay.openssl import Channel, UntrustedServer, openssl_lacks
from hardening.onhost.relay.problems import CONFIG, TEMPORARY


def tls_context(config):
    """Return a context that wants TLS 1.2 or newer, a trusted chain and the right name."""
    made = ssl.create_default_context()  # novermin: python_lacks asks first
    for name in ("OP_NO_SSLv2", "OP_NO_SSLv3"):
        made.options |= getattr(ssl, name, 0)
    if hasattr(made, "minimum_version") and hasattr(ssl, "TLSVersion"):
        made.minimum_version = ssl.TLSVersion.TLSv1_2  # novermin: python_lacks asks first
    else:
        made.options |= ssl.OP_NO_TLSv1 | ssl.OP_NO_TLSv1_1  # novermin: python_lacks asks first
    if config["ca_file"]:
        made.load_verify_locations(config["ca_file"])
    return made


def tls_by(config):
    """Return who speaks TLS, found out once: python, openssl or curl. Raises SystemExit with what to do instead."""
    if "way" not in config:
        config["way"] = choose_tls(config)
    return config["way"]


def choose_tls(config):
    """Return the first of python, openssl, curl that can. Raises SystemExit with what to do instead."""
    wanted, problems = config["transport_tls"], []
    for name in ("python", "openssl", "curl") if wanted == "auto" else (wanted,):
        problem = {"python": python_lacks, "openssl": openssl_lacks, "curl": curl_lacks}[name](config)
        if not problem:
            return name
        problems.append("%s: %s" % (name, problem))
    raise SystemExit(
        "relay: no program of this host supports TLS 1.2 with verified names (%s).\n"
        "  next: run the relay on another host of the site and let this one submit to it through an ssh tunnel:\n"
        "        ssh -N -L 127.0.0.1:2525:127.0.0.1:2525 RELAY-HOST" % "; ".join(problems)
    )


def python_lacks(config):
    """Return why this Python cannot do it, or an empty text."""
    good = hasattr(ssl, "create_default_context") and (
        hasattr(ssl, "TLSVersion") or hasattr(ssl, "OP_NO_TLSv1_1")
    )
    return "" if good else "2.7.9 or its backport is needed"


def start_tls(config, dialled, host):
    """Return the connection with TLS: 1.2 at least, the authority and the name checked."""
    if tls_by(config) == "openssl":
        return Channel(config, dialled, host)
    return tls_context(config).wrap_socket(dialled, server_hostname=host)


def distrust(problem):
    """Return what a failed connection means: a certificate that is wrong does not mend itself."""
    wrong = (UntrustedServer, getattr(ssl, "CertificateError", UntrustedServer))
    return CONFIG if isinstance(problem, wrong) else TEMPORARY
