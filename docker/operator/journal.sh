# The journal of a drill, which the nodes and the desk share: each command has its number,
# and is told at its begin and at its end. The harness reads it.
readonly run=/run/operator

# begins TEXT: sets `number`.
begins() {
    local text=${1//[$'\n\t\r']/ }
    {
        flock 9
        read -r number <$run/count
        ((number++))
        echo "$number" >$run/count
        printf 'begin\t%s\t%s\t%s\n' "$number" "$HOSTNAME" "${text:0:2000}" >>$run/journal
    } 9>$run/lock
}

# ended CODE: who is to be killed after this command does not see its end: the harness kills
# the caller while this waits.
ended() {
    local last
    printf 'end\t%s\t%s\n' "$number" "$1" >>$run/journal
    while [[ -e $run/last ]] && read -r last <$run/last && [[ $last == "$number" ]]; do sleep 0.05; done 2>/dev/null
}

# asks WHAT...: has the harness do something, and says its answer.
asks() {
    local words code ticket=$HOSTNAME.$BASHPID.$EPOCHREALTIME
    words=$(printf '\t%s' "$@")
    printf 'ask\t%s%s\n' "$ticket" "$words" >>$run/journal
    until [[ -e $run/answers/$ticket.code ]]; do sleep 0.02; done
    read -r code <"$run/answers/$ticket.code"
    cat "$run/answers/$ticket"
    rm -f "$run/answers/$ticket" "$run/answers/$ticket.code"
    return "$code"
}
