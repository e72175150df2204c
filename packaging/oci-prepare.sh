#!/bin/sh
# Called by mmdebstrap with the new root, the account's number and the Debian package: installs it, and fills the cache of patterns.
set -eu
root=$1 user=$2 package=$3
chroot "$root" dpkg --install "/var/tmp/$package"
rm "$root/var/tmp/$package"
install -d "$root/work"
echo "harden:x:$user:$user:harden:/tmp:/usr/sbin/nologin" >>"$root/etc/passwd"
echo "harden:x:$user:" >>"$root/etc/group"
# The cache is root's and read by any account. The demo makes the small pattern sets that `harden warm` leaves out.
in_root() { chroot "$root" env -i PATH=/usr/bin:/bin LANG=C.UTF-8 HOME=/tmp HARDEN_CACHE_DIR=/var/cache/harden "$@"; }
in_root harden warm --to /var/cache/harden
in_root harden demo >/dev/null
in_root harden tls render nginx >/dev/null 2>&1
rm -rf "$root"/var/lib/apt/lists/* "$root"/var/cache/apt/* "$root"/var/log/* "$root"/tmp/*
