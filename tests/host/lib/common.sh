# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034
# Paths, messages and locks that every part of the host script shares.

HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
REPO=$(cd "$HERE/../.." && pwd)
CACHE=${ARK_TEST_CACHE:-/var/cache/ark-deploy-test}
HOSTS=$CACHE/hosts

# One line a step on stderr, with the seconds since the start: stdout is for answers.
say() {
    printf '%4ds  %s\n' "$SECONDS" "$*" >&2
}

die() {
    printf 'host: %s\n' "$*" >&2
    exit 1
}

need_root() {
    [ "$(id -u)" -eq 0 ] || die "this needs root; run it again with sudo"
}

need_commands() {
    local name missing=()
    for name in "$@"; do
        command -v "$name" >/dev/null || missing+=("$name")
    done
    [ ${#missing[@]} -eq 0 ] || die "missing: ${missing[*]}. Run packaging/install-deps first"
}

# Prints a short hash of everything in the given files and folders (names, modes and contents).
hash_of() {
    local path
    for path in "$@"; do
        find "$path" \( -type f -o -type l \) -printf '%P %m %l\0' | sort -z
        find "$path" -type f -print0 | sort -z | xargs -0 --no-run-if-empty cat
    done | sha256sum | cut -c 1-16
}

# Takes the lock NAME until unlock or the script's end. Whatever is left running must not inherit
# it (see boot.sh).
declare -A LOCKS=()
lock() {
    local fd
    mkdir -p "$CACHE/locks"
    exec {fd}>"$CACHE/locks/$1"
    flock -n "$fd" || { say "waiting for another run that holds the lock '$1'"; flock "$fd"; }
    LOCKS[$1]=$fd
}

unlock() {
    local fd=${LOCKS[$1]}
    exec {fd}>&-
    unset "LOCKS[$1]"
}

# Calls COMMAND every 50 ms until it succeeds; fails after SECONDS.
wait_until() {
    local deadline=$((SECONDS + $1))
    shift
    until "$@"; do
        [ "$SECONDS" -lt "$deadline" ] || return 1
        sleep 0.05
    done
}
