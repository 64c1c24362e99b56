# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# Every host lives in a cgroup of its own, in all hierarchies of this machine. Two hosts would
# otherwise share the root cgroup and their systemds would fight over it; and whatever the cgroup
# holds is what has to die when the host goes, whoever started it.

# Two caches may hold hosts of one name.
CGROUP_PREFIX=ark-host
[ "$CACHE" = /var/cache/ark-deploy-test ] || CGROUP_PREFIX+=-$(cksum <<<"$CACHE" | cut -d' ' -f1)

cgroup_mounts() {
    findmnt -rn -t cgroup,cgroup2 -o TARGET
}

# Moves the calling shell (and so what it becomes) into the cgroup of host NAME.
cgroup_enter() {
    local mount group
    while read -r mount; do
        group=$mount/$CGROUP_PREFIX-$1
        mkdir -p "$group"
        if [ -e "$group/cpuset.mems" ] && [ -e "$mount/cpuset.mems" ]; then
            cat "$mount/cpuset.cpus" >"$group/cpuset.cpus"
            cat "$mount/cpuset.mems" >"$group/cpuset.mems"
        fi
        echo "$BASHPID" >"$group/cgroup.procs"
    done < <(cgroup_mounts)
}

# Prints the pids of host NAME, as this machine sees them.
cgroup_pids() {
    local mount
    while read -r mount; do
        find "$mount/$CGROUP_PREFIX-$1" -name cgroup.procs -exec cat {} + 2>/dev/null || true
    done < <(cgroup_mounts) | sort -un
}

cgroup_is_empty() {
    [ -z "$(cgroup_pids "$1")" ]
}

# Lets what is frozen in host NAME go on. The engine freezes a container for a moment while it sets its limits, and
# where it dies in that moment nobody else does this; until then not even SIGKILL ends such a process (cgroups(7), v1
# freezer).
cgroup_thaw() {
    local mount state
    while read -r mount; do
        find "$mount/$CGROUP_PREFIX-$1" -name freezer.state 2>/dev/null || true
    done < <(cgroup_mounts) | while read -r state; do
        { echo THAWED >"$state"; } 2>/dev/null || true
    done
}

# Kills what there is in host NAME; true once nothing is left.
cgroup_kill() {
    local pids
    pids=$(cgroup_pids "$1")
    [ -n "$pids" ] || return 0
    # shellcheck disable=SC2086
    kill -KILL $pids 2>/dev/null || true
    cgroup_thaw "$1"
    return 1
}

# Kills everything in host NAME and removes its cgroups.
cgroup_destroy() {
    local mount
    wait_until 20 cgroup_kill "$1" || die "processes of host '$1' do not die: $(cgroup_pids "$1" | xargs)"
    while read -r mount; do
        [ -d "$mount/$CGROUP_PREFIX-$1" ] || continue
        wait_until 5 cgroup_remove "$mount/$CGROUP_PREFIX-$1" || die "cannot remove the cgroup $mount/$CGROUP_PREFIX-$1"
    done < <(cgroup_mounts)
}

cgroup_remove() {
    find "$1" -depth -type d -exec rmdir {} + 2>/dev/null
    [ ! -d "$1" ]
}
