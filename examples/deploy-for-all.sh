#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Makes sure that every customer of a list has an instance of a product, with arkctl and jq:
#
#   deploy-for-all.sh PRODUCT <customers.txt >links.tsv
#
# The list has one name a line. A customer who has a running instance keeps it, so this may be run again after it was
# interrupted, or with a longer list. It prints name, id and link, separated by tabs, and ends with status 1 if one or
# more could not be deployed. With "-H user@host" in ARKCTL_OPTIONS it works on another host.
set -euo pipefail

product=${1:?a product is needed: deploy-for-all.sh PRODUCT <customers.txt}
read -ra options <<<"${ARKCTL_OPTIONS-}"

ark() { arkctl "${options[@]}" --json=short --quiet "$@"; }

as_row='[.client_name, .id, .access_url] | @tsv'
failed=0
running=$(ark list --product="$product" --status=running)
while IFS= read -r client || [ -n "$client" ]; do
    [ -n "$client" ] || continue
    # The newest one, if there are several.
    row=$(jq -r --arg client "$client" \
        "map(select(.client_name == \$client)) | max_by(.created_at) // empty | $as_row" <<<"$running")
    if [ -z "$row" ]; then
        # On standard output there is the instance, or nothing; what goes wrong is told on standard error.
        if ! instance=$(ark deploy "$product" "$client" </dev/null); then
            failed=$((failed + 1))
            continue
        fi
        row=$(jq -r "$as_row" <<<"$instance")
    fi
    printf '%s\n' "$row"
done
[ "$failed" -eq 0 ] || { echo "deploy-for-all.sh: $failed could not be deployed" >&2; exit 1; }
