#compdef arkctl
# SPDX-License-Identifier: MIT
# Completion of arkctl for zsh, with the instances and products that there are.

# The host that is worked on, from the words typed so far.
_arkctl_place() {
    local i
    place=()
    for ((i = 1; i < $#words; i++)); do
        case $words[i] in
        -H | -M | --host | --machine) place=($words[i] $words[i+1]) ;;
        --host=* | --machine=*) place=($words[i]) ;;
        esac
    done
}

_arkctl_call() {
    arkctl $place --no-pager --no-legend --no-ask-password --quiet "$@" 2>/dev/null </dev/null
}

_arkctl_instances() {
    local -a place instances
    local id product rest
    _arkctl_place
    # Two spaces end a client's name; _describe would take a backslash for a quote.
    _arkctl_call list | while read -r id product rest; do
        instances+=("$id:$product for ${${rest%%  *}//\\/\\\\}")
    done
    # What is typed may also begin after "client_".
    _describe -t instances instance instances -M 'l:|=client_' -M 'b:=client_'
}

# Those that the store does not know, as busctl prints them.
_arkctl_unknown() {
    local -a place ids
    _arkctl_place
    ids=(${(f)"$(busctl $place get-property network.ark.Deploy1 /network/ark/Deploy1 \
        network.ark.Deploy1.Manager UnknownInstances 2>/dev/null </dev/null | grep -o 'client_[a-z2-7]*')"})
    _describe -t instances 'unknown instance' ids
}

_arkctl_products() {
    local -a place products
    local id rest
    _arkctl_place
    _arkctl_call product list | while read -r id rest; do
        products+=("$id:${${rest%%  *}//\\/\\\\}")
    done
    _describe -t products product products
}

_arkctl_machines() {
    local -a machines
    machines=(${${(f)"$(machinectl --no-legend --no-pager list 2>/dev/null)"}%% *})
    _describe -t machines machine machines
}

_arkctl_verbs() {
    local -a verbs
    verbs=(
        'deploy:make an instance and print its link'
        'list:list instances'
        'show:show instances with their latest log lines'
        'delete:delete instances with all their data'
        'logs:show the logs of containers'
        'credentials:show how to log in to a database'
        'compose:print an instance as a Compose file'
        'keep:set when instances expire'
        'restart:restart the containers of instances'
        'adopt:take back instances that the store has lost'
        'cleanup:delete instances that are past their time'
        'product:list, show, set, edit and delete products'
        'status:check whether all that is needed works'
        'log-level:show or set how much arkd logs'
        'help:show help'
        'version:show the version'
    )
    _describe -t verbs verb verbs
}

_arkctl_product_verbs() {
    local -a verbs
    verbs=(
        'list:list products'
        'show:print a product as JSON'
        'set:add or replace products'
        'edit:edit a product in an editor'
        'delete:delete products'
    )
    _describe -t verbs 'product verb' verbs
}

_arkctl() {
    local curcontext=$curcontext state line
    local -a common own
    typeset -A opt_args
    common=(
        '--json=[print JSON]:mode:(pretty short off)'
        '-j[print JSON]'
        '(-H --host -M --machine)'{-H,--host=}'[work on another host]:host:_hosts'
        '(-H --host -M --machine)'{-M,--machine=}'[work in a container]:machine:_arkctl_machines'
        '--no-pager[do not use a pager]'
        '--no-legend[no headings and sums]'
        '--no-ask-password[do not ask for a password]'
        '(-q --quiet)'{-q,--quiet}'[results and errors only]'
        '(-h --help)'{-h,--help}'[show help]'
        '--version[show the version]'
    )
    _arguments -C $common '1:verb:_arkctl_verbs' '*::argument:->argument' && return 0
    [[ $state == argument ]] || return 1

    case $words[1] in
    deploy)
        _arguments $common '--no-block[do not wait until it runs]' \
            '--idempotency-key=[same key, same instance]:key:' \
            '1:product:_arkctl_products' '2:client:'
        ;;
    list)
        _arguments $common '(-a --all)'{-a,--all}'[deleted ones too]' \
            '--status=[of this status]:status:(pending running failed sleeping deleting deleted)' \
            '--product=[of this product]:product:_arkctl_products'
        ;;
    show)
        _arguments $common '(-n --lines)'{-n,--lines=}'[how many lines]:lines:' '*:instance:_arkctl_instances'
        ;;
    logs)
        _arguments $common '(-f --follow)'{-f,--follow}'[go on with new lines]' \
            '(-n --lines)'{-n,--lines=}'[how many lines]:lines:' '1:instance:_arkctl_instances'
        ;;
    delete)
        _arguments $common '(-y --yes)'{-y,--yes}'[do not ask]' '*:instance:_arkctl_instances'
        ;;
    keep)
        _arguments $common '--until=[until when]:when:(forever 30d 90d)' '*:instance:_arkctl_instances'
        ;;
    restart)
        _arguments $common '(-a --all)'{-a,--all}'[all that have another address]' \
            '--discard-files[make containers again that have files of their own]' \
            '*:instance:_arkctl_instances'
        ;;
    adopt) _arguments $common '(-a --all)'{-a,--all}'[all unknown ones]' '*:unknown instance:_arkctl_unknown' ;;
    credentials | compose) _arguments $common '1:instance:_arkctl_instances' ;;
    cleanup)
        _arguments $common '--older-than=[what is older than this]:age:(7d 30d 90d)' \
            '--dry-run[only say what would be deleted]' '(-y --yes)'{-y,--yes}'[do not ask]'
        ;;
    product)
        _arguments -C $common '1:product verb:_arkctl_product_verbs' '*::argument:->product'
        [[ $state == product ]] || return 0
        case $words[1] in
        show | edit) _arguments $common '1:product:_arkctl_products' ;;
        set) _arguments $common '*:file:_files' ;;
        delete) _arguments $common '(-y --yes)'{-y,--yes}'[do not ask]' '*:product:_arkctl_products' ;;
        esac
        ;;
    log-level)
        _arguments $common '1:level:(emerg alert crit err warning notice info debug)'
        ;;
    help) _arguments $common '1:verb:_arkctl_verbs' ;;
    *) _arguments $common ;;
    esac
}

_arkctl "$@"
