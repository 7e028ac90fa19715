#!/bin/bash
# The same recovery, but for one look: where any node is primary it believes that all is well.
# Killed once the cluster is bootstrapped, and called again, it leaves the others down.
#
#   reenact drill galera::non_primary_wedge --kill each -- docs/examples/drills/galera-not-kill-safe.sh
set -uo pipefail
read -ra nodes <<<"${REENACT_NODES:-n1 n2 n3}"

for node in "${nodes[@]}"; do
    query="SHOW GLOBAL STATUS LIKE 'wsrep_cluster_status'"
    if [[ $(ssh "$node" "timeout 5 mariadb -BNe \"$query\" 2>/dev/null" | cut -f2) == Primary ]]; then
        echo "$node is primary: nothing to do"
        exit 0
    fi
done
for node in "${nodes[@]}"; do
    ssh "$node" 'while pkill -KILL -x mariadbd; do sleep 0.1; done; true' || exit 1
done
best='' most=-1
for node in "${nodes[@]}"; do
    seqno=$(ssh "$node" galera_recovery | sed -n 's/.*--wsrep_start_position=.*:\([0-9]*\).*/\1/p')
    ((${seqno:--1} > most)) && { best=$node most=$seqno; }
done
ssh "$best" "sed -i 's/^safe_to_bootstrap:.*/safe_to_bootstrap: 1/' /var/lib/mysql/grastate.dat && galera_new_cluster" || exit 1
for node in "${nodes[@]}"; do
    [[ $node == "$best" ]] || ssh "$node" 'systemctl start mariadb' || exit 1
done
