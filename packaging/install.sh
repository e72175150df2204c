#!/bin/sh
# Installs from this folder, without network: ./install.sh [FOLDER] [EXTRA]   (default: ./aspect-hardening; EXTRA: ansible, tuf)
set -eu
here=$(cd "$(dirname "$0")" && pwd)
target=${1:-aspect-hardening}
extra=${2:+[$2]}
python=${PYTHON:-python3}
(cd "$here" && sha256sum --quiet -c SHA256SUMS) || { echo "install.sh: a wheel is not as it was packed" >&2; exit 1; }
"$python" -m venv "$target"
"$target/bin/python" -m pip install --quiet --disable-pip-version-check --no-index --find-links "$here/wheels" "aspect-hardening$extra"
echo "installed: $target/bin/harden"
