"""Access tokens, by client secret or certificate. A staged credential steps in where the first is refused."""

import re
import time

from hardening.onhost.relay.answers import (
    NOT_JSON,
    ascii_word,
    http_kind,
    json_object,
    retry_after,
    token_lifetime,
)
from hardening.onhost.relay.compat import TEXT, quote, urlencode
from hardening.onhost.relay.credentials import all_credentials, signed_request
from hardening.onhost.relay.files import read
from hardening.onhost.relay.https import post
from hardening.onhost.relay.problems import CONFIG, MESSAGE, ServiceRefused, safe_text


class RelayTokens(object):
    """Tokens in memory; a staged credential steps in where the first is refused."""

    def __init__(self, config):
        self.config = config
        self.kept = {}

    def get(self, scope):
        """Return a token of five more minutes for a scope. Raises Refused."""
        value, ends = self.kept.get(scope, ("", 0))
        if ends - 300 > time.time():
            return value
        first = None
        for credential in all_credentials(self.config):
            try:
                return self.ask(scope, credential)
            except ServiceRefused as problem:
                problem.uncertain = False  # no mail was on its way yet
                first = first or problem
                if not problem.credential:
                    break
        if ends > time.time():
            return value
        raise first

    def drop(self, scope):
        """Forget a token that was revoked before its end."""
        self.kept.pop(scope, None)

    def ask(self, scope, credential):
        """Ask for a token by one credential. Raises Refused."""
        config = self.config
        path = "/%s/oauth2/v2.0/token" % quote(config["tenant"], safe="")
        form = {"client_id": config["client_id"], "scope": scope, "grant_type": "client_credentials"}
        try:
            if credential.get("secret_file"):
                form["client_secret"] = read(credential["secret_file"]).decode("utf-8").rstrip("\r\n")
            else:
                form["client_assertion_type"] = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
                form["client_assertion"] = self.assertion(
                    "https://%s%s" % (config["authority"], path), credential
                )
        except (OSError, IOError, ValueError) as problem:
            raise ServiceRefused(CONFIG, "credential: %s" % safe_text(problem), credential=True)
        started = time.time()
        status, answer, body = post(
            config,
            config["authority"],
            path,
            urlencode(form),
            {"Content-Type": "application/x-www-form-urlencoded"},
        )
        found = json_object(body)
        token = found.get("access_token")
        # one word of ASCII: it goes into a header, and into what curl reads as its settings, line by line
        if status == 200 and isinstance(token, TEXT) and re.match(r"[\x21-\x7e]+\Z", token):
            self.kept[scope] = (str(token), started + token_lifetime(found.get("expires_in")))
            return self.kept[scope][0]
        name = ascii_word(found.get("error"))
        codes = re.findall(r"AADSTS\d+", ascii_word(found.get("error_description")))[:3]
        text = "token: %d %s %s" % (status, name or NOT_JSON, " ".join(codes))
        kind = http_kind(status, name)
        raise ServiceRefused(
            CONFIG if kind == MESSAGE else kind,
            text,
            wait=retry_after(answer),
            credential=name == "invalid_client",
        )

    def assertion(self, audience, credential):
        """Return a request signed with the certificate's key."""
        client = self.config["client_id"]
        return signed_request(self.config, credential, {"aud": audience, "iss": client, "sub": client})
