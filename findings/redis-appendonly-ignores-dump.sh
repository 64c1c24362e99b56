#!/bin/bash
# SPDX-License-Identifier: MIT
# Redis: turning on the append-only file over an existing dump.rdb starts with an empty database.
set -euo pipefail

directory=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server"; rm -rf "$directory"' EXIT
cd "$directory"
apt-get -qq -o APT::Sandbox::User=root download 'redis-server=5:7.0.15*' 'redis-tools=5:7.0.15*' libjemalloc2 liblua5.1-0 \
    liblzf1 lua-bitop lua-cjson libatomic1
for package in *.deb; do dpkg -x "$package" .; done
LD_LIBRARY_PATH=$(echo "$directory"/usr/lib/*-linux-gnu)
export PATH="$directory/usr/bin:$PATH" LD_LIBRARY_PATH

# start OPTION...: starts Redis on ./data and waits until it answers.
start() {
    redis-server --port 0 --unixsocket "$directory/socket" --dir "$directory/data" --logfile "$directory/log" "$@" &
    server=$!
    until [ "$(redis-cli -s socket ping 2>/dev/null)" = PONG ]; do kill -0 "$server"; sleep 0.1; done
}

stop() {
    redis-cli -s socket shutdown
    wait "$server"
    server=
}

mkdir data
start --appendonly no
redis-cli -s socket set customer Acme >/dev/null
stop
before=$(stat -c %s data/dump.rdb)
start --appendonly yes
keys=$(redis-cli -s socket dbsize)
redis-cli -s socket save >/dev/null
stop
start --appendonly no
left=$(redis-cli -s socket dbsize)
stop

echo "Version:  $(redis-server --version)"
echo "Expected: started with \"appendonly yes\" on a directory that has a dump.rdb alone, Redis loads it or refuses to start."
echo "Seen:     $keys of 1 key loaded; after the next save dump.rdb has $left keys and $(stat -c %s data/dump.rdb) bytes" \
    "instead of $before."
[ "$keys $left" = "0 0" ] || { echo "This has changed."; exit 1; }
