"""The host's own certificate: made here and renewed here. The key never leaves the host."""

from __future__ import print_function

import os
import re
import sys
import threading
import time
import uuid

from hardening.onhost.relay.answers import ascii_word, http_kind, json_object
from hardening.onhost.relay.compat import quote
from hardening.onhost.relay.credentials import all_credentials, key_folder, renewal_state, signed_request
from hardening.onhost.relay.files import read, remove, to_json, write_durably
from hardening.onhost.relay.https import post
from hardening.onhost.relay.openssl import run
from hardening.onhost.relay.problems import CONFIG, TEMPORARY, UNPRINTABLE, ServiceRefused, safe_text
from hardening.onhost.relay.tokens import RelayTokens

NOT_AFTER = re.compile(r"notAfter=(\w{3}) +(\d+) (\d+):(\d+):(\d+) (\d{4})")


def make_certificate(config, certificate, key):
    """Make a key and its certificate; the key is readable by its owner alone from its first byte."""
    for place in (certificate, key):
        if not os.path.isdir(os.path.dirname(place)):
            os.makedirs(os.path.dirname(place), 0o700)
    os.close(os.open(key, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    argv = [config["openssl"], "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-sha256", "-subj"]
    argv += [
        "/CN=aspect-mail-relay",
        "-days",
        "%d" % config["certificate_days"],
        "-keyout",
        key,
        "-out",
        certificate,
    ]
    code, output = run(argv)
    if code or not os.path.getsize(key):
        remove(key)
        raise ServiceRefused(
            CONFIG, "openssl cannot make a certificate: %s" % UNPRINTABLE.sub(" ", output)[-160:]
        )
    os.chmod(key, 0o600)


def make_first(config):
    """Make what the settings name as their certificate, where it is absent; print it. Returns an exit code."""
    for credential in config["credentials"]:
        if not credential.get("certificate_file"):
            continue
        if not os.path.exists(credential["certificate_file"]):
            make_certificate(config, credential["certificate_file"], credential["key_file"])
        print(read(credential["certificate_file"]).decode("ascii"))
        return 0
    sys.stderr.write("relay: the settings name no certificate_file\n")
    return 78


def days_left(config, credential):
    """Return the days until a certificate ends, or None where that is not known."""
    output = run([config["openssl"], "x509", "-in", credential["certificate_file"], "-noout", "-enddate"])[1]
    found = NOT_AFTER.search(output)
    if not found:
        return None
    import calendar

    month = "JanFebMarAprMayJunJulAugSepOctNovDec".find(found.group(1)) // 3 + 1
    day, hour, minute, second, year = [int(found.group(n)) for n in range(2, 7)]
    return (calendar.timegm((year, month, day, hour, minute, second)) - time.time()) / 86400.0


def ask_graph(config, token, credential, verb, body):
    """POST addKey or removeKey with a proof that the old key is ours; return status and parsed body.

    Microsoft's pages name two audiences for the proof; a refusal of the first is followed by the second.
    """
    status, found = 0, {}
    for audience in config["proof_audiences"]:
        proof = signed_request(config, credential, {"aud": audience, "iss": config["application"]})
        status, _, answer = post(
            config,
            config["graph"],
            "/v1.0/applications/%s/%s" % (quote(config["application"], safe=""), verb),
            to_json(dict(body, proof=proof)).decode("ascii"),
            {"Authorization": "Bearer " + token, "Content-Type": "application/json"},
        )
        found = json_object(answer)
        if status < 400 or status == 429 or status >= 500:
            break
    return status, found


def renew(config):
    """Make a certificate and use it, one call at a time; return it, and the ids of those that could not be unregistered."""
    import fcntl

    if not config["application"]:
        raise ServiceRefused(CONFIG, "application, the registration's own object id, is not set")
    folder = key_folder(config)
    if not os.path.isdir(folder):
        os.makedirs(folder, 0o700)
    lock = open(os.path.join(folder, "lock"), "w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        return renew_locked(config, folder)
    finally:
        lock.close()  # not left to the end of a traceback: this process would wait for itself the next time


def find_proof(config, tokens, scope):
    """Return the first certificate that the service takes, and a token that it got."""
    problem = ServiceRefused(CONFIG, "no certificate is in use: the first one is registered by a person")
    for credential in all_credentials(config):
        if credential.get("certificate_file"):
            try:
                return credential, tokens.ask(scope, credential)
            except ServiceRefused as refusal:
                problem = refusal
    raise problem


def renew_locked(config, folder):
    """Make a certificate, register it (addKey), wait until it is known, put it first, retire the one before the last.

    Every step is on disk before the next, so that a crash is followed up by the next call.
    """
    state, tokens = renewal_state(config), RelayTokens(config)
    scope = "https://%s/.default" % config["graph_resource"]
    old, token = find_proof(config, tokens, scope)
    made = state["made"]
    if made is None:
        stem = os.path.join(folder, "%d-%s" % (time.time(), uuid.uuid4().hex[:8]))
        made = {"certificate_file": stem + ".crt", "key_file": stem + ".key", "key_id": ""}
        make_certificate(config, made["certificate_file"], made["key_file"])
        state["made"] = made
        write_durably(folder, "credentials.json", to_json(state))
    if not made["key_id"] and not is_known(tokens, scope, made):
        pem = read(made["certificate_file"]).decode("ascii")
        key = {
            "type": "AsymmetricX509Cert",
            "usage": "Verify",
            "key": "".join(pem.split("-----")[2].split()),
            "displayName": "aspect-mail-relay",
        }
        status, found = ask_graph(
            config, token, old, "addKey", {"keyCredential": key, "passwordCredential": None}
        )
        if status >= 300:
            error = found.get("error")
            name = ascii_word(error.get("code")) if isinstance(error, dict) else ""
            raise ServiceRefused(http_kind(status, name), "addKey: %d %s" % (status, name))
        made["key_id"] = ascii_word(found.get("keyId"))
        write_durably(folder, "credentials.json", to_json(state))
    end, pause = time.time() + config["renew_wait"], 0.5
    while not is_known(tokens, scope, made):
        if time.time() > end:
            raise ServiceRefused(
                TEMPORARY, "the new certificate is registered and not accepted yet; the relay tries again"
            )
        time.sleep(pause)
        pause = min(pause * 2, 30)
    gone = state["use"][1:]
    state["use"], state["made"] = [made] + state["use"][:1], None
    write_durably(folder, "credentials.json", to_json(state))
    left = []
    for one in gone:
        try:  # the new one is in use whatever becomes of the old ones
            if one.get("key_id"):
                token = tokens.ask(scope, made)
                status = ask_graph(config, token, made, "removeKey", {"keyId": one["key_id"]})[0]
                if status >= 300 and status != 404:
                    left.append(one["key_id"])
        except ServiceRefused:
            left.append(one["key_id"])
        for place in (one["key_file"], one["certificate_file"]):
            remove(place)
    return made, left


def is_known(tokens, scope, credential):
    """Return whether the service takes a credential. Raises Refused where that is not known."""
    try:
        return bool(tokens.ask(scope, credential))
    except ServiceRefused as problem:
        if problem.credential:
            return False
        raise


class Renewal(threading.Thread):
    """Looks at the certificate in use now and then, and renews it in time."""

    def __init__(self, config, speak):
        threading.Thread.__init__(self)
        self.daemon = True
        self.config, self.speak = config, speak

    def run(self):
        """Renew when fewer than `renew_days` are left; an error is an alarm and ends nothing."""
        while True:
            try:
                first = all_credentials(self.config)[0]
                left = days_left(self.config, first) if first.get("certificate_file") else None
                if left is not None and left <= self.config["renew_days"]:
                    left = renew(self.config)[1]
                    if left:
                        self.speak("still registered, and without a key: %s" % ", ".join(left))
            except Exception as problem:  # the thread must live
                text = str(problem) if isinstance(problem, ServiceRefused) else safe_text(problem)
                self.speak("the certificate is not renewed: %s" % text)
            time.sleep(self.config["renew_every"])
