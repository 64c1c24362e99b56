# SPDX-License-Identifier: MIT
# Completion of arkctl for fish, with the instances and products that there are.

set -l verbs deploy list show delete logs credentials compose keep restart adopt cleanup product status log-level help version

# The host that is worked on, from what was typed so far.
function __arkctl_place
    set -l words (commandline -opc)
    for i in (seq (count $words))
        switch $words[$i]
            case -H -M --host --machine
                test $i -lt (count $words); and printf '%s\n' $words[$i] $words[(math $i + 1)]
            case '--host=*' '--machine=*'
                echo $words[$i]
        end
    end
end

function __arkctl_call
    arkctl (__arkctl_place) --no-pager --no-legend --no-ask-password --quiet $argv 2>/dev/null </dev/null
end

# "ID<tab>DESCRIPTION" a line.
function __arkctl_instances
    __arkctl_call list | string replace -r '^(\S+)\s+(\S+)\s+(.*?)\s{2,}.*$' '$1\t$2, $3'
end

# The ids that the store does not know, as busctl prints them.
function __arkctl_unknown
    busctl (__arkctl_place) get-property network.ark.Deploy1 /network/ark/Deploy1 network.ark.Deploy1.Manager UnknownInstances 2>/dev/null </dev/null | string match -ar 'client_[a-z2-7]+'
end

function __arkctl_products
    __arkctl_call product list | string replace -r '^(\S+)\s+(.*?)\s{2,}.*$' '$1\t$2'
end

function __arkctl_verb -V verbs
    not __fish_seen_subcommand_from $verbs
end

# __arkctl_product_verb [VERB...]: after "product", with one of these verbs or none yet.
function __arkctl_product_verb
    __fish_seen_subcommand_from product; or return 1
    set -l words (commandline -opc)
    set -l i (contains -i product $words); or return 1
    set -l after $words[(math $i + 1)..-1]
    if test (count $argv) -eq 0
        not string match -qr '^(list|show|set|edit|delete)$' -- $after
    else
        for verb in $argv
            contains -- $verb $after; and return 0
        end
        return 1
    end
end

# __arkctl_using VERB...: one of these, and not as a verb of "product".
function __arkctl_using
    __fish_seen_subcommand_from $argv; and not __fish_seen_subcommand_from product
end

complete -c arkctl -f

complete -c arkctl -n __arkctl_verb -a deploy -d 'Make an instance and print its link'
complete -c arkctl -n __arkctl_verb -a list -d 'List instances'
complete -c arkctl -n __arkctl_verb -a show -d 'Show instances with their latest log lines'
complete -c arkctl -n __arkctl_verb -a delete -d 'Delete instances with all their data'
complete -c arkctl -n __arkctl_verb -a logs -d 'Show the logs of containers'
complete -c arkctl -n __arkctl_verb -a credentials -d 'Show how to log in to a database'
complete -c arkctl -n __arkctl_verb -a compose -d 'Print an instance as a Compose file'
complete -c arkctl -n __arkctl_verb -a keep -d 'Set when instances expire'
complete -c arkctl -n __arkctl_verb -a restart -d 'Restart the containers of instances'
complete -c arkctl -n __arkctl_verb -a adopt -d 'Take back instances that the store has lost'
complete -c arkctl -n __arkctl_verb -a cleanup -d 'Delete instances that are past their time'
complete -c arkctl -n __arkctl_verb -a product -d 'List, show, set, edit and delete products'
complete -c arkctl -n __arkctl_verb -a status -d 'Check whether all that is needed works'
complete -c arkctl -n __arkctl_verb -a log-level -d 'Show or set how much arkd logs'
complete -c arkctl -n __arkctl_verb -a help -d 'Show help'
complete -c arkctl -n __arkctl_verb -a version -d 'Show the version'
complete -c arkctl -n '__fish_seen_subcommand_from help' -a "$verbs"

complete -c arkctl -n __arkctl_product_verb -a list -d 'List products'
complete -c arkctl -n __arkctl_product_verb -a show -d 'Print a product as JSON'
complete -c arkctl -n __arkctl_product_verb -a set -d 'Add or replace products'
complete -c arkctl -n __arkctl_product_verb -a edit -d 'Edit a product in an editor'
complete -c arkctl -n __arkctl_product_verb -a delete -d 'Delete products'

complete -c arkctl -n '__arkctl_using deploy' -a '(__arkctl_products)'
complete -c arkctl -n '__arkctl_product_verb show edit delete' -a '(__arkctl_products)'
complete -c arkctl -n '__arkctl_product_verb set' -F
complete -c arkctl -n '__arkctl_using show delete logs credentials compose keep restart' -a '(__arkctl_instances)'
complete -c arkctl -n '__arkctl_using adopt' -a '(__arkctl_unknown)'
complete -c arkctl -n '__arkctl_using log-level' -a 'emerg alert crit err warning notice info debug'

complete -c arkctl -n '__arkctl_using deploy' -l no-block -d 'Do not wait until it runs'
complete -c arkctl -n '__arkctl_using deploy' -l idempotency-key -x -d 'Same key, same instance'
complete -c arkctl -n '__arkctl_using list' -s a -l all -d 'Deleted ones too'
complete -c arkctl -n '__arkctl_using adopt' -s a -l all -d 'All unknown ones'
complete -c arkctl -n '__arkctl_using list' -l status -x -a 'pending running failed sleeping deleting deleted' -d 'Of this status'
complete -c arkctl -n '__arkctl_using list' -l product -x -a '(__arkctl_products)' -d 'Of this product'
complete -c arkctl -n '__arkctl_using logs' -s f -l follow -d 'Go on with new lines'
complete -c arkctl -n '__arkctl_using logs show' -s n -l lines -x -a '10 100 1000' -d 'How many lines'
complete -c arkctl -n '__arkctl_using keep' -l until -x -a 'forever 30d 90d' -d 'Until when'
complete -c arkctl -n '__arkctl_using cleanup' -l older-than -x -a '7d 30d 90d' -d 'What is older than this'
complete -c arkctl -n '__arkctl_using restart' -s a -l all -d 'All that have another address'
complete -c arkctl -n '__arkctl_using restart' -l discard-files -d 'Make containers again that have files of their own'
complete -c arkctl -n '__arkctl_using cleanup' -l dry-run -d 'Only say what would be deleted'
complete -c arkctl -n '__arkctl_using delete cleanup' -s y -l yes -d 'Do not ask'
complete -c arkctl -n '__arkctl_product_verb delete' -s y -l yes -d 'Do not ask'

complete -c arkctl -l json -x -a 'pretty short off' -d 'Print JSON'
complete -c arkctl -s j -d 'Print JSON'
complete -c arkctl -s H -l host -x -a '(__fish_print_hostnames)' -d 'Work on another host'
complete -c arkctl -s M -l machine -x -a '(machinectl --no-legend --no-pager list 2>/dev/null | string replace -r "\s.*" "")' -d 'Work in a container'
complete -c arkctl -l no-pager -d 'Do not use a pager'
complete -c arkctl -l no-legend -d 'No headings and sums'
complete -c arkctl -l no-ask-password -d 'Do not ask for a password'
complete -c arkctl -s q -l quiet -d 'Results and errors only'
complete -c arkctl -s h -l help -d 'Show help'
complete -c arkctl -l version -d 'Show the version'
