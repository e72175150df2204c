"""What ends a verification."""


class BundleRefused(Exception):
    """The bundle is not to be installed; the words say why."""


class Usage(Exception):
    """The command line, or a file named on it, is wrong."""
