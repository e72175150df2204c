"""Runs the package as it is, without an archive: `python -m hardening.onhost.relay VERB CONFIG`."""

import sys

from hardening.onhost.relay.main import main

if __name__ == "__main__":
    sys.exit(main())
