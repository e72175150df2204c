#!/bin/sh
# Before removal: removes what was compiled, which no package owns.
find /opt/aspect-hardening -type d -name __pycache__ -exec rm -rf {} + 2>/dev/null || :
