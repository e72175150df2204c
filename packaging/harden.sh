#!/bin/sh
# Starts harden with the Python that its libraries were built for. PYTHONPATH is for the programs that it starts, too: its own
# helpers, and Ansible, whose plugins import it.
export PYTHONPATH=/opt/aspect-hardening/lib PYTHONNOUSERSITE=1
exec /usr/bin/env python@PYTHON@ -P -m hardening "$@"
