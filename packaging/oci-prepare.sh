#!/bin/sh
# Called by mmdebstrap with the new root, the account's number and the Debian package: installs it, and fills the cache of patterns.
set -eu
root=$1 user=$2 package=$3
chroot "$root" dpkg --install "/var/tmp/$package"
rm "$root/var/tmp/$package"
install -d -o "$user" -g "$user" -m 700 "$root/var/cache/harden"
install -d "$root/work"
echo "harden:x:$user:$user:harden:/tmp:/usr/sbin/nologin" >>"$root/etc/passwd"
echo "harden:x:$user:" >>"$root/etc/group"
as_user() { chroot --userspec="$user:$user" "$root" env -i PATH=/usr/bin:/bin LANG=C.UTF-8 HOME=/tmp XDG_CACHE_HOME=/var/cache/harden "$@"; }
as_user harden warm
as_user harden tls render nginx >/dev/null 2>&1
rm -rf "$root"/var/lib/apt/lists/* "$root"/var/cache/apt/* "$root"/var/log/*
