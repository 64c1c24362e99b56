# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# Starting, entering and ending a host. What belongs to host NAME is the folder $HOSTS/NAME, the
# cgroup ark-host-NAME, and a network interface that goes when its processes do. Its mounts are in
# a mount namespace of their own, so they go with them as well.
#
# In $HOSTS/NAME: lower (the root it stands on), slot (its network), leader (pid of its systemd),
# suite, upper and work (its layer), docker and registry (their data), console.log, and ready once
# it has booted.

host_leader() {
    local pid
    { read -r pid <"$HOSTS/$1/leader"; } 2>/dev/null || return 1
    # A pid may have been given again since: it must still be in the host's cgroup. And a dead
    # process that nobody has reaped has no root.
    grep -qs "/$CGROUP_PREFIX-$1\(/\|\$\)" "/proc/$pid/cgroup" && [ -d "/proc/$pid/root/etc" ] || return 1
    echo "$pid"
}

host_is_up() {
    [ -e "$HOSTS/$1/ready" ] && host_leader "$1" >/dev/null
}

host_address() {
    echo "10.233.$(cat "$HOSTS/$1/slot").2"
}

# Runs a command in host NAME; stdin, stdout, stderr and the exit status are the command's.
host_run() {
    local leader
    leader=$(host_leader "$1") || die "no host '$1' is up; start it with: tests/host/host up --name $1"
    shift
    env -i HOME=/root LANG=C.UTF-8 TERM="${TERM:-dumb}" \
        PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
        nsenter -t "$leader" -m -u -i -p -n -C -r -w -- "$@"
}

# Makes the folder of host NAME anew, on the root of SUITE.
host_prepare() {
    host_destroy "$1"
    mkdir -p "$HOSTS/$1"
    root_path "$2" >"$HOSTS/$1/lower"
    echo "$2" >"$HOSTS/$1/suite"
    host_take_slot "$1"
}

# Gives host NAME a network of its own: the third byte of 10.233.x.0/24.
host_take_slot() (
    mkdir -p "$CACHE/locks"
    exec {fd}>"$CACHE/locks/slots"
    flock "$fd"
    for slot in $(seq 1 254); do
        ! grep -qsx "$slot" "$HOSTS"/*/slot || continue
        ! ip -br link show "arkhost$slot" >/dev/null 2>&1 || continue
        echo "$slot" >"$HOSTS/$1/slot"
        return
    done
    die "all 254 networks for hosts are taken; see tests/host/host list"
)

# Boots host NAME, whose folder is ready, and waits until its systemd has started everything.
host_boot() {
    local name=$1 dir=$HOSTS/$1 fd
    rm -f "$dir/ready" "$dir/leader"
    # The interface of an earlier boot goes by itself, but after all its containers': the kernel takes them one by one.
    ip link delete "arkhost$(cat "$dir/slot")" 2>/dev/null || true
    wait_until 60 host_has_no_network "$name" || die "the network interface of host '$name' does not go away"
    (
        for fd in "${LOCKS[@]}"; do exec {fd}>&-; done
        cgroup_enter "$name"
        exec setsid unshare --mount --propagation slave "$HERE/lib/nspawn" "$dir" "$name" \
            </dev/null >>"$dir/console.log" 2>&1
    ) &
    local supervisor=$!
    disown "$supervisor"
    wait_until 20 host_find_leader "$name" "$supervisor" || host_fail "$name" "it did not boot"
    host_network "$name" || host_fail "$name" "its network cannot be set up"
    wait_until 30 host_has_bus "$name" || host_fail "$name" "systemd did not come up"
    local state
    state=$(host_run "$name" timeout 60 systemctl is-system-running --wait) ||
        say "its systemd says '$state': $(host_run "$name" systemctl list-units --failed --plain --no-legend | cut -d' ' -f1 | xargs)"
    touch "$dir/ready"
}

# Has host NAME stop all it runs, as in any reboot, and waits until it is off: systemd-nspawn ends then, as no
# service manager would begin it anew.
host_shut_down() {
    host_run "$1" systemctl reboot || die "host '$1' cannot be told to reboot"
    wait_until 100 cgroup_is_empty "$1" || host_fail "$1" "it does not stop"
}

# The leader is the process that is number 1 in a pid namespace below ours.
host_find_leader() {
    local pid
    for pid in $(cgroup_pids "$1"); do
        if grep -qs '^NSpid:[[:space:]][0-9]*[[:space:]]1$' "/proc/$pid/status"; then
            echo "$pid" >"$HOSTS/$1/leader"
            return 0
        fi
    done
    kill -0 "$2" 2>/dev/null || host_fail "$1" "systemd-nspawn ended at once"
    return 1
}

host_has_no_network() {
    ! ip -br link show "arkhost$(cat "$HOSTS/$1/slot")" >/dev/null 2>&1
}

host_network() {
    local slot leader
    slot=$(cat "$HOSTS/$1/slot")
    leader=$(host_leader "$1") || return 1
    wait_until 5 ip -br link show "arkhost$slot" >/dev/null || return 1
    ip address replace "10.233.$slot.1/24" dev "arkhost$slot"
    ip link set "arkhost$slot" up
    nsenter -t "$leader" -n -- ip address replace "10.233.$slot.2/24" dev host0
    nsenter -t "$leader" -n -- ip link set host0 up
    nsenter -t "$leader" -n -- ip route replace default via "10.233.$slot.1"
}

host_has_bus() {
    host_run "$1" busctl status org.freedesktop.systemd1 >/dev/null 2>&1
}

# The console of host NAME without its colours.
console_text() {
    sed 's/\x1b\[[0-9;?]*[a-zA-Z]//g; s/\r$//' "$HOSTS/$1/console.log"
}

# Ends the script with the reason and the end of the host's console, and leaves nothing running.
host_fail() {
    say "the end of the console of host '$1':"
    console_text "$1" | tail -n 25 | sed 's/^/      | /' >&2
    cgroup_destroy "$1"
    die "host '$1' failed: $2"
}

# Removes host NAME, or what a run that was killed has left of it.
host_destroy() {
    cgroup_destroy "$1"
    rm -rf --one-file-system "${HOSTS:?}/$1"
}
