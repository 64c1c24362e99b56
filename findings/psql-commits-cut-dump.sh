#!/bin/bash
# SPDX-License-Identifier: MIT
# PostgreSQL: psql restores a plain dump that was cut off in a single transaction, and commits it.
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

psql --quiet -c 'CREATE TABLE orders (n int PRIMARY KEY); INSERT INTO orders SELECT generate_series(1, 1000)'
pg_dump -f whole.sql
# Within the rows, at the end of a line.
sed '/^500$/q' whole.sql >cut.sql
createdb restored
status=0
psql --quiet -d restored --single-transaction -v ON_ERROR_STOP=1 -f cut.sql >/dev/null || status=$?
rows=$(psql -d restored -Atc 'SELECT count(*) FROM orders')
keys=$(psql -d restored -Atc "SELECT count(*) FROM pg_constraint WHERE conrelid = 'orders'::regclass")

echo "Version:  $(psql --version)"
echo "Expected: \"psql --single-transaction -v ON_ERROR_STOP=1\" of a dump that ends within a table's rows fails and leaves nothing."
echo "Seen:     it exits with $status; the database has $rows of 1000 rows and $keys of 1 primary key."
[ "$status $rows $keys" = "0 500 0" ] || { echo "This has changed."; exit 1; }
