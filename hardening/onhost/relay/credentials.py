"""Credentials of the application, and requests signed by a certificate's key."""

import base64
import json
import os
import ssl
import subprocess
import time
import uuid

from hardening.onhost.relay.files import read, to_json


def key_folder(config):
    """Return the folder of the keys that were made on this host."""
    return os.path.join(config["spool"], "keys")


def renewal_state(config):
    """Return what renewals left: `use` (newest first), and `made`, one that is not proved yet."""
    try:
        return json.loads(read(os.path.join(key_folder(config), "credentials.json")).decode("ascii"))
    except (OSError, IOError, ValueError):
        return {"use": [], "made": None}


def all_credentials(config):
    """Return all credentials in the order in which they are tried: the renewed ones first."""
    return renewal_state(config)["use"] + config["credentials"]


def signed_request(config, credential, claims):
    """Return a JWT that holds ten minutes, signed by the host's own openssl."""
    pem = read(credential["certificate_file"]).decode("ascii")
    certificate = ssl.PEM_cert_to_DER_cert(pem[pem.index("-----BEGIN CERTIFICATE-----") :].strip())
    import hashlib

    now = int(time.time())
    thumb = hashlib.sha1(certificate).digest()  # noqa: S324 - the protocol's name for a certificate
    head = {"alg": "RS256", "typ": "JWT", "x5t": base64url(thumb)}
    claims = dict(claims, jti=str(uuid.uuid4()), nbf=now - 5, exp=now + 590)
    text = base64url(to_json(head)) + "." + base64url(to_json(claims))
    child = subprocess.Popen(
        [config["openssl"], "dgst", "-sha256", "-sign", credential["key_file"]],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        close_fds=True,
    )
    signature, _ = child.communicate(text.encode("ascii"))
    if child.returncode:
        raise ValueError("openssl does not sign with this key")
    return text + "." + base64url(signature)


def base64url(data):
    """Return Base64 for URLs without padding, as JWT has it."""
    return base64.urlsafe_b64encode(data).decode("ascii").rstrip("=")
