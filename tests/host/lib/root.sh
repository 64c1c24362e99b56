# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# The root file system of a host: Debian, built once a recipe and kept. A host is a layer over it.

root_recipe() {
    { hash_of "$HERE/root" "$HERE/lib/root.sh"; echo "$1"; } | sha256sum | cut -c 1-16
}

root_path() {
    echo "$CACHE/root-$1-$(root_recipe "$1")"
}

# Builds the root of SUITE if it is not there.
root_build() {
    local suite=$1 path
    path=$(root_path "$suite")
    [ ! -d "$path" ] || return 0
    need_commands mmdebstrap
    say "building the root of a Debian $suite host (once; about a minute)"
    rm -rf "$path.new"
    if ! root_bootstrap "$suite" "$path.new" >"$CACHE/root-$suite.log" 2>&1; then
        tail -n 20 "$CACHE/root-$suite.log" >&2
        rm -rf "$path.new"
        die "cannot build the root; the whole log is $CACHE/root-$suite.log"
    fi
    mv "$path.new" "$path"
    root_drop_old "$suite" "$path"
}

root_bootstrap() {
    local suite=$1 path=$2 packages
    packages=$(grep -hv '^#' "$HERE/root/packages" "$HERE/root/packages.$suite" | paste -sd,)
    mkdir -p "$CACHE"
    # dpkg keeps the registry's configuration of ours, which is there before the package is.
    mmdebstrap --variant=minbase --include="$packages" \
        --dpkgopt=force-confold --aptopt='Acquire::Languages "none"' \
        --extract-hook="cp -r '$HERE/root/files/.' \"\$1\"" \
        "$suite" "$path" "$("$REPO/packaging/debian-mirror")" || return 1
    root_add_compose "$suite" "$path" || return 1
    root_quieten "$path"
}

# Debian 12 has no Compose 2; Debian 13's is one static enough binary that runs there.
root_add_compose() {
    local suite=$1 path=$2 work
    [ "$suite" = bookworm ] || return 0
    work=$(mktemp -d)
    mkdir -p "$work"/{etc/apt/{trusted.gpg.d,preferences.d},state/lists/partial,cache/archives/partial}
    cp /usr/share/keyrings/debian-archive-*.gpg "$work/etc/apt/trusted.gpg.d/"
    echo "deb $("$REPO/packaging/debian-mirror") trixie main" >"$work/etc/apt/sources.list"
    touch "$work/status"
    local apt=(apt-get -o "Dir::Etc=$work/etc/apt" -o "Dir::State=$work/state" -o "Dir::Cache=$work/cache"
        -o "Dir::State::status=$work/status" -o "APT::Sandbox::User=root")
    "${apt[@]}" update && (cd "$work" && "${apt[@]}" download docker-compose) || return 1
    dpkg-deb -x "$work"/docker-compose_*.deb "$work/compose" || return 1
    install -D "$work/compose/usr/libexec/docker/cli-plugins/docker-compose" \
        "$path/usr/libexec/docker/cli-plugins/docker-compose" || return 1
    rm -rf "$work"
}

# What would only cost time on a host that lives for minutes and reaches no network.
root_quieten() {
    local unit
    for unit in apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer \
        fstrim.timer console-getty.service systemd-modules-load.service systemd-networkd.service \
        systemd-resolved.service; do
        ln -sfn /dev/null "$1/etc/systemd/system/$unit"
    done
    : >"$1/etc/machine-id"
    : >"$1/etc/resolv.conf"
    # The host's name is the one it is booted with.
    rm -f "$1/etc/hostname"
    printf '127.0.0.1 localhost\n::1 localhost\n' >"$1/etc/hosts"
    # Logs of a run are read back by tests: keep them through a restart of journald.
    mkdir -p "$1/var/log/journal"
}

# Removes roots of earlier recipes that no host stands on.
root_drop_old() {
    local old
    for old in "$CACHE/root-$1-"*; do
        [ "$old" != "$2" ] || continue
        grep -qsxF "$old" "$HOSTS"/*/lower || rm -rf --one-file-system "$old"
    done
}
