#!/bin/sh
# After installation: compiles the modules, so that accounts that may not write there start as fast as root.
python@PYTHON@ -m compileall -q -j 0 /opt/aspect-hardening/lib >/dev/null 2>&1 || :
