"""Server security-hardening and upgrade-bundle toolkit: find, fix, prove, on one data model."""

__version__ = "0.1.0"

__all__ = [
    "Confidence", "Examined", "ExitCode", "Finding", "HardeningError", "Judgement", "Offer", "Policy", "Rendered",
    "Result", "Rule", "Run", "Severity", "Subject", "Verdict", "audit_bundle", "audit_tls", "judge", "offer", "policy",
    "render", "report", "scan", "verify",
]  # fmt: skip


def __getattr__(name):
    """Return a name of the public API, which is imported when it is first used. Before Python 3.7 nobody calls this."""
    if name not in __all__:
        raise AttributeError("module 'hardening' has no attribute %r" % name)
    import sys

    __import__("hardening.api")
    return getattr(sys.modules["hardening.api"], name)


def __dir__():
    """Return the names that a person may use."""
    return sorted(list(globals()) + __all__)
