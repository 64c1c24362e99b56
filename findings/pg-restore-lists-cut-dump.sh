#!/bin/bash
# SPDX-License-Identifier: MIT
# PostgreSQL: pg_restore --list finds nothing wrong with half a dump.
set -euo pipefail

directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
cd "$directory"
apt-get -qq -o APT::Sandbox::User=root download 'postgresql-15=15.*' 'postgresql-client-15=15.*' libpq5 libicu72 libxml2
for package in *.deb; do dpkg -x "$package" .; done
LD_LIBRARY_PATH=$(echo "$directory"/usr/lib/*-linux-gnu)
export PATH="$directory/usr/lib/postgresql/15/bin:$PATH" LD_LIBRARY_PATH PGHOST=$directory PGUSER=postgres

# PostgreSQL refuses to run as root.
as_user() {
    if [ "$(id -u)" -eq 0 ]; then setpriv --reuid=65534 --regid=65534 --clear-groups "$@"; else "$@"; fi
}

[ "$(id -u)" -ne 0 ] || chown 65534 .
as_user initdb --pgdata=data --username=postgres --auth=trust --locale=C >/dev/null
as_user pg_ctl --pgdata=data --options="-k $directory -c listen_addresses=" --log=log --silent --wait start
trap 'as_user pg_ctl --pgdata=data --silent --mode=immediate stop; rm -rf "$directory"' EXIT

psql --quiet -c 'CREATE TABLE orders AS SELECT n, md5(n::text) FROM generate_series(1, 100000) n'
pg_dump -Fc -f whole.dump
head -c "$(($(stat -c %s whole.dump) / 2))" whole.dump >half.dump

listed=0 read=0
pg_restore --list half.dump >list || listed=$?
pg_restore -f /dev/null half.dump 2>error || read=$?

echo "Version:  $(pg_restore --version)"
echo "Expected: \"pg_restore --list\" of the first half of a custom-format dump fails, so it can verify a backup."
echo "Seen:     it exits with $listed and names the $(grep -c 'TABLE DATA public orders' list) table;" \
    "\"pg_restore -f /dev/null\" exits with $read ($(tail -n 1 error))."
[ "$listed $read" = "0 1" ] || { echo "This has changed."; exit 1; }
