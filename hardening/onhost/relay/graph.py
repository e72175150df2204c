"""Delivery of one mail by Microsoft Graph."""

import base64
import re

from hardening.onhost.relay.answers import NOT_JSON, ascii_word, http_kind, json_object, retry_after
from hardening.onhost.relay.compat import quote
from hardening.onhost.relay.https import post
from hardening.onhost.relay.problems import ServiceRefused


def deliver_graph(config, tokens, recipients, raw):
    """Deliver a mail to all its recipients. Raises Refused."""
    scope = "https://%s/.default" % config["graph_resource"]
    for again in (True, False):
        token = tokens.get(scope)
        status, answer, body = post(
            config,
            config["graph"],
            "/v1.0/users/%s/sendMail" % quote(config["mailbox"], safe="@"),
            base64.b64encode(raw),
            {"Authorization": "Bearer " + token, "Content-Type": "text/plain"},
        )
        if status == 202:
            return
        if status == 401 and again:
            tokens.drop(scope)  # revoked before its end
            continue
        error = json_object(body).get("error")
        name = ascii_word(error.get("code")) if isinstance(error, dict) else ""
        raise ServiceRefused(
            http_kind(status, name),
            "graph: %d %s" % (status, name or NOT_JSON),
            wait=retry_after(answer),
            uncertain=status in (502, 504),
            own=status in (400, 413, 500),
            addressed=status == 400 and bool(re.search("(?i)recipient|address", name)),
        )
