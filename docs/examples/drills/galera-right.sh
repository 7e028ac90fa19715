#!/bin/bash
# Brings a Galera cluster back that nobody serves, with Debian's own tools: the node that is
# furthest ahead begins, and the others join it. Fit to be killed at any moment and called again.
#
#   reenact drill galera::non_primary_wedge --kill each --again -- docs/examples/drills/galera-right.sh
#
# Exit codes: 0 all serve, 3 refused: a node does not say how far it has come.
set -uo pipefail
read -ra nodes <<<"${REENACT_NODES:-n1 n2 n3}"

is_primary() {
    local query="SHOW GLOBAL STATUS LIKE 'wsrep_cluster_status'"
    [[ $(ssh "$1" "timeout 5 mariadb -BNe \"$query\" 2>/dev/null" | cut -f2) == Primary ]]
}

primary=() others=()
for node in "${nodes[@]}"; do
    if is_primary "$node"; then primary+=("$node"); else others+=("$node"); fi
done
((${#others[@]})) || { echo "all nodes are primary: nothing to do"; exit 0; }

if ((!${#primary[@]})); then
    # A server that waits for a primary component blocks SIGTERM.
    for node in "${nodes[@]}"; do
        ssh "$node" 'while pkill -KILL -x mariadbd; do sleep 0.1; done; true' || exit 1
    done
    best='' most=-1
    for node in "${nodes[@]}"; do
        position=$(ssh "$node" galera_recovery | sed -n 's/.*--wsrep_start_position=//p')
        seqno=${position##*:}
        echo "$node has come to $position"
        [[ $seqno =~ ^[0-9]+$ ]] || { echo "$node does not say how far it has come"; exit 3; }
        ((seqno > most)) && { best=$node most=$seqno; }
    done
    echo "$best begins"
    ssh "$best" "sed -i 's/^safe_to_bootstrap:.*/safe_to_bootstrap: 1/' /var/lib/mysql/grastate.dat && galera_new_cluster" || exit 1
    others=()
    for node in "${nodes[@]}"; do [[ $node == "$best" ]] || others+=("$node"); done
fi

for node in "${others[@]}"; do
    echo "$node joins"
    ssh "$node" 'systemctl start mariadb' || exit 1
done
