"""A refusal of the service, and the text of an exception that may be shown."""

import re

TEMPORARY, CONFIG, MESSAGE = "temporary", "config", "message"
UNPRINTABLE = re.compile(r"[^\x20-\x7e]")


class ServiceRefused(Exception):
    """The service refused. kind decides what happens; uncertain: it may have taken the mail all the same.

    own: the answer is about this mail, not of the sender or the service, so that another may well pass.
    addressed: the answer is about a recipient, nobody knows which, so that the others may well get the mail.
    each: [(recipient, ServiceRefused)], where every recipient was refused for itself.
    """

    def __init__(
        self, kind, text, uncertain=False, wait=None, credential=False, own=False, addressed=False, each=()
    ):
        Exception.__init__(self, text)
        self.kind = kind
        self.uncertain = uncertain
        self.wait = wait
        self.credential = credential
        self.own = own
        self.addressed = addressed
        self.each = list(each)


def safe_text(problem):
    """Return an exception's text without anything secret; only these types' texts are known to have none."""
    if isinstance(problem, (OSError, IOError)):
        return UNPRINTABLE.sub("?", "%s %s" % (type(problem).__name__, problem))[:160]
    return type(problem).__name__
