#!/bin/bash
# SPDX-License-Identifier: MIT
# restic: restoring a path that is in no snapshot succeeds.
set -euo pipefail

directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
cd "$directory"
apt-get -qq -o APT::Sandbox::User=root download 'restic=0.14.0*'
dpkg -x restic_*.deb .
export PATH="$directory/usr/bin:$PATH" RESTIC_REPOSITORY=$directory/repository RESTIC_PASSWORD=finding
export RESTIC_CACHE_DIR=$directory/cache

mkdir shop restored
echo "10 orders" >shop/orders
restic --quiet init
restic --quiet backup shop
status=0
restic --quiet restore latest --target restored --include /shop/order || status=$?
files=$(find restored -type f | wc -l)

echo "Version:  $(restic version)"
echo "Expected: \"restic restore latest --include /shop/order\" fails, since the snapshot has /shop/orders alone."
echo "Seen:     it exits with $status, without a word, and has restored $files files."
[ "$status $files" = "0 0" ] || { echo "This has changed."; exit 1; }
