"""The two verbs of a request."""

from hardening.onhost.collect.listing import Listing
from hardening.onhost.collect.reading import read


def answer_to(request):
    """Return the answer to a request."""
    if request["verb"] == "read":
        return read(request)
    return Listing(request).answer(request["paths"], request.get("follow", False))
