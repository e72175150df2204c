"""Files that are named on the command line."""

from hardening.onhost.verifier.problems import Usage


def read_most(path, most):
    """Return a file's content, and no more than one byte beyond `most`. Errors: Usage."""
    try:
        source = open(path, "rb")
    except EnvironmentError as problem:
        raise Usage("%s: %s" % (path, problem.strerror))
    try:
        return source.read(most + 1)
    finally:
        source.close()
