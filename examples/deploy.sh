#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Deploys a product over D-Bus, with nothing but busctl, and prints the link once the instance runs:
#
#   deploy.sh PRODUCT [CLIENT]
#
# It does not ask again and again: arkd signals each change, and this waits for the signals. Run it as root, because
# "busctl monitor" is for root alone; the calls themselves are for whomever polkit allows.
set -euo pipefail

product=${1:?a product is needed: deploy.sh PRODUCT [CLIENT]}
client=${2:-$(id -un)}
name=network.ark.Deploy1
patience=900 # seconds without any signal

die() { echo "deploy.sh: $*" >&2; exit 1; }

# property PATH NAME: the value of a string property of an instance, out of «s "value"».
property() {
    local value
    value=$(busctl get-property "$name" "$1" "$name.Instance" "$2") || die "the instance is gone"
    value=${value#s \"}
    printf '%s\n' "${value%\"}"
}

# Listen first and call then, so that no signal is missed. The first line is printed when it listens.
coproc signals {
    exec busctl monitor \
        --match="type='signal',sender='$name',interface='org.freedesktop.DBus.Properties',member='PropertiesChanged'" 2>&1
}
# shellcheck disable=SC2154 # "coproc" sets it
trap 'kill "$signals_PID" 2>/dev/null || true' EXIT
read -r -t 10 line <&"${signals[0]}" || die "the bus cannot be watched"
[[ $line == Monitoring* ]] || die "the bus cannot be watched: $line"

# The answer is «so "client_…" "/network/ark/Deploy1/instance/client_…"». It comes as soon as arkd has written the order
# down. Options, here none (0), could be e.g. 1 idempotency_key s KEY.
answer=$(busctl call "$name" /network/ark/Deploy1 "$name.Manager" CreateInstance 'ssa{sv}' "$product" "$client" 0) ||
    die "$product cannot be deployed"
[[ $answer =~ ^so\ \"([a-z0-9_]+)\"\ \"(/[A-Za-z0-9_/]+)\"$ ]] || die "this was not understood: $answer"
id=${BASH_REMATCH[1]} path=${BASH_REMATCH[2]}
echo "Deploying $product for $client as $id" >&2

phase=
while true; do
    status=$(property "$path" Status)
    case $status in
    running) break ;;
    pending) ;;
    *) die "$id is $status: $(property "$path" Error)" ;;
    esac
    last=$phase
    phase=$(property "$path" Phase)
    [ "$phase" = "$last" ] || echo "$phase: $(property "$path" Message)" >&2
    # Whatever changed of this instance: look again. Signals of others are passed over.
    while read -r -t "$patience" line <&"${signals[0]}" || die "nothing was heard of $id for $patience s"; do
        [[ $line != *" Path=$path "* ]] || break
    done
done
property "$path" AccessUrl
