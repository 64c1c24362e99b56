# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# Completion of arkctl for bash, with the instances and products that there are.

# _arkctl_first_words VERB...: the first word of each line that arkctl prints, on the host that is worked on.
_arkctl_first_words() {
    local id rest
    arkctl "${place[@]}" --no-pager --no-legend --no-ask-password --quiet "$@" 2>/dev/null </dev/null |
        while read -r id rest; do
            echo "$id"
        done
}

# Of instances, what is typed may also begin after "client_".
_arkctl_instances() {
    local ids id
    mapfile -t ids < <(_arkctl_first_words list "$@")
    mapfile -t COMPREPLY < <(compgen -W "${ids[*]}" -- "$cur")
    [ ${#COMPREPLY[@]} -eq 0 ] || return 0
    for id in "${ids[@]}"; do
        [[ ${id#client_} != "$cur"* ]] || COMPREPLY+=("$id")
    done
}

# The ids that the store does not know, as busctl prints them.
_arkctl_unknown() {
    busctl "${place[@]}" get-property network.ark.Deploy1 /network/ark/Deploy1 network.ark.Deploy1.Manager \
        UnknownInstances 2>/dev/null </dev/null | grep -o '"client_[a-z2-7]*"' | tr -d '"'
}

_arkctl_words() {
    mapfile -t COMPREPLY < <(compgen -W "$*" -- "$cur")
}

_arkctl_option_value() {
    case $1 in
    --json) _arkctl_words pretty short off ;;
    --status) _arkctl_words pending running failed sleeping deleting deleted ;;
    --product) _arkctl_words "$(_arkctl_first_words product list)" ;;
    --until) _arkctl_words forever 30d 90d "$(date +%F)" ;;
    --older-than) _arkctl_words 7d 30d 90d ;;
    --lines | -n) _arkctl_words 10 100 1000 ;;
    --host | -H) mapfile -t COMPREPLY < <(compgen -A hostname -- "$cur") ;;
    --machine | -M)
        _arkctl_words "$(machinectl --no-legend --no-pager list 2>/dev/null | while read -r name _; do echo "$name"; done)"
        ;;
    --idempotency-key) COMPREPLY=() ;;
    *) return 1 ;;
    esac
}

_arkctl() {
    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} verb='' i word
    local place=() arguments=0
    local options='--json= -j --host= -H --machine= -M --no-pager --no-legend --no-ask-password
        --quiet -q --help -h --version'
    COMPREPLY=()

    # "=" is a word of its own to bash.
    if [ "$cur" = = ]; then
        cur=''
        _arkctl_option_value "$prev" && return
    elif [ "$prev" = = ] && _arkctl_option_value "${COMP_WORDS[COMP_CWORD - 2]}"; then
        return
    elif [[ $prev == -* ]] && _arkctl_option_value "$prev"; then
        return
    fi

    for ((i = 1; i < COMP_CWORD; i++)); do
        word=${COMP_WORDS[i]}
        case $word in
        -H | -M | --host | --machine)
            [ "${COMP_WORDS[i + 1]}" != = ] || ((i++))
            place=("$word" "${COMP_WORDS[i + 1]}")
            ((i++))
            ;;
        --json | --status | --product | --until | --older-than | --lines | -n | --idempotency-key)
            [ "${COMP_WORDS[i + 1]}" != = ] || ((i++))
            ((i++))
            ;;
        -* | =) ;;
        *)
            if [ -z "$verb" ] || [ "$verb" = product ]; then
                verb=${verb:+$verb }$word
            else
                ((arguments++))
            fi
            ;;
        esac
    done

    if [[ $cur == -* ]]; then
        case $verb in
        deploy) options+=' --no-block --idempotency-key=' ;;
        list) options+=' --all -a --status= --product=' ;;
        show) options+=' --lines= -n' ;;
        logs) options+=' --follow -f --lines= -n' ;;
        keep) options+=' --until=' ;;
        adopt) options+=' --all -a' ;;
        restart) options+=' --all -a --discard-files' ;;
        delete | 'product delete') options+=' --yes -y' ;;
        cleanup) options+=' --older-than= --dry-run --yes -y' ;;
        esac
        _arkctl_words "$options"
        [[ ${COMPREPLY[0]-} != *= ]] || compopt -o nospace
        return
    fi

    case $verb in
    '')
        _arkctl_words deploy list show delete logs credentials compose keep restart adopt cleanup product status \
            log-level help version
        ;;
    product) _arkctl_words list show set edit delete ;;
    deploy) [ "$arguments" -gt 0 ] || _arkctl_words "$(_arkctl_first_words product list)" ;;
    show | delete | keep) _arkctl_instances ;;
    restart) _arkctl_instances --status=running ;;
    adopt) _arkctl_words "$(_arkctl_unknown)" ;;
    logs | credentials | compose) [ "$arguments" -gt 0 ] || _arkctl_instances ;;
    'product show' | 'product edit')
        [ "$arguments" -gt 0 ] || _arkctl_words "$(_arkctl_first_words product list)"
        ;;
    'product delete') _arkctl_words "$(_arkctl_first_words product list)" ;;
    'product set')
        compopt -o filenames
        mapfile -t COMPREPLY < <(compgen -f -- "$cur")
        ;;
    log-level)
        [ "$arguments" -gt 0 ] || _arkctl_words emerg alert crit err warning notice info debug
        ;;
    help)
        _arkctl_words deploy list show delete logs credentials compose keep restart adopt cleanup product status \
            log-level help version
        ;;
    esac
}

complete -F _arkctl arkctl
