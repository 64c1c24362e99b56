# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# The package of this tree in a host, and the product that a deploy can be tried with.

EXAMPLE=$REPO/examples/miniflux.json

# Builds the package where its sources changed, and installs it in host NAME where it is another
# than the one there.
product_install() {
    local name=$1 suite=$2 deb sum output
    output=$HOSTS/$name/deb
    say "building the package (nothing to do where no source changed)"
    if ! deb=$("$REPO/packaging/build-deb" --suite "$suite" --output "$output" 2>"$CACHE/build-deb-$suite.log" | tail -n 1); then
        tail -n 25 "$CACHE/build-deb-$suite.log" >&2
        die "cannot build the package; the whole log is $CACHE/build-deb-$suite.log"
    fi
    sum=$(sha256sum <"$deb")
    if [ "$sum" = "$(cat "$HOSTS/$name/installed" 2>/dev/null)" ]; then
        say "the package is installed as it is now"
    else
        say "installing $(basename "$deb")"
        product_apt_install "$name" "$deb"
        echo "$sum" >"$HOSTS/$name/installed"
    fi
    wait_until 20 product_answers "$name" ||
        product_fail "$name" "the landing page and /api/products do not answer on port 3000"
    say "registering the product $(jq -r .id "$EXAMPLE")"
    product_register "$name" "$EXAMPLE" || product_fail "$name" "cannot register $EXAMPLE"
}

# Prints what a root built now has and host NAME, which was booted before, has not.
product_missing() {
    # shellcheck disable=SC2016
    comm -23 <(grep -hv '^#' "$HERE/root/packages" | sort) \
        <(host_run "$1" dpkg-query -W -f '${db:Status-Abbrev} ${Package}\n' | sed -n 's/^ii *//p' | sort -u)
}

# Gives such a host the packages that came to be needed since; it reaches no archive itself.
product_catch_up() {
    local name=$1 work file missing
    mapfile -t missing < <(product_missing "$name")
    [ ${#missing[@]} -gt 0 ] || return 0
    say "host '$name' is older than its recipe; it gets ${missing[*]}"
    work=$(mktemp -d)
    (cd "$work" && apt-get -qq -o APT::Sandbox::User=root download "${missing[@]}") >&2 || return 0
    for file in "$work"/*.deb; do
        host_run "$name" sh -c 'cat >/root/needed.deb && dpkg -i /root/needed.deb' <"$file" >>"$HOSTS/$name/apt.log" 2>&1 || true
    done
    rm -rf "$work"
}

product_apt_install() {
    local name=$1 file
    product_catch_up "$name"
    file=/root/$(basename "$2")
    host_run "$name" sh -c "cat >'$file'" <"$2"
    if ! host_run "$name" env DEBIAN_FRONTEND=noninteractive \
        apt-get install -y --no-install-recommends --reinstall "$file" >"$HOSTS/$name/apt.log" 2>&1; then
        tail -n 25 "$HOSTS/$name/apt.log" >&2
        die "cannot install the package in host '$name'. If a dependency is missing, add it to tests/host/root/packages"
    fi
}

product_answers() {
    host_run "$1" curl -sf -m 5 -o /dev/null http://127.0.0.1:3000/ &&
        host_run "$1" curl -sf -m 5 -o /dev/null http://127.0.0.1:3000/api/products
}

# Registers the product of the file, by the API, as an operator would. The token stays in the host.
product_register() {
    local answer
    # shellcheck disable=SC2016
    answer=$(host_run "$1" sh -c 'curl -sS -m 20 -w "\n%{http_code}\n" -X PUT -H "Content-Type: application/json" \
        -H @- --data-binary "$2" "http://127.0.0.1:5050/api/products/$1" <<END
Authorization: Bearer $(cat /etc/arkd/admin-token)
END' sh "$(jq -r .id "$2")" "$(cat "$2")") || return 1
    case ${answer##*$'\n'} in
    200 | 201) ;;
    *) echo "$answer" >&2; return 1 ;;
    esac
}

product_fail() {
    say "what host '$1' logged:"
    host_run "$1" journalctl --no-pager --lines 30 --output short-precise \
        -u arkd -u 'arkd*.socket' -u arkd-redis -u arkd-nginx -u docker | sed 's/^/      | /' >&2
    die "$2"
}
