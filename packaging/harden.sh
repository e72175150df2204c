#!/bin/sh
# Starts harden with the Python that its libraries were built for, and with nothing of the user's own on its path.
exec /usr/bin/env python@PYTHON@ -P -s -c 'import sys; sys.path.insert(0, "/opt/aspect-hardening/lib"); from hardening.cli import main; main()' "$@"
