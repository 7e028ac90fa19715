#!/bin/bash
# What many a page on the web says: bootstrap the first node, start the others. Where the first
# node is behind, what the others have acknowledged is gone.
#
#   reenact drill galera::non_primary_wedge -- docs/examples/drills/galera-naive.sh
set -uo pipefail
read -ra nodes <<<"${REENACT_NODES:-n1 n2 n3}"

for node in "${nodes[@]}"; do
    ssh "$node" 'while pkill -KILL -x mariadbd; do sleep 0.1; done; true'
done
ssh "${nodes[0]}" "sed -i 's/^safe_to_bootstrap:.*/safe_to_bootstrap: 1/' /var/lib/mysql/grastate.dat && galera_new_cluster" || exit 1
for node in "${nodes[@]:1}"; do
    ssh "$node" 'systemctl start mariadb' || exit 1
done
