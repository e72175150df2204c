#!/bin/sh
# Makes the base image of the execution environment from Debian packages, and gives it to podman as localhost/base:latest.
# As root; needs mmdebstrap and podman.
set -eu
root=${1:-base.tar}
mmdebstrap --quiet --variant=apt --include=python3.13,python3-pip,libarchive13t64,openssh-client,ca-certificates trixie "$root"
podman import --quiet "$root" localhost/base:latest
