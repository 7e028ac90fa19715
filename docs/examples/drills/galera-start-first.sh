#!/bin/bash
# An orchestrator's entry point as many are: the first pod founds the cluster, the others join it.
# Where the first one is behind, what the others have acknowledged is gone.
#
#   reenact drill galera::non_primary_wedge --limit 2m --start-command docs/examples/drills/galera-start-first.sh \
#       --variables docs/examples/drills/galera-start.env
new=()
if [[ $POD_NAME == *-0 ]]; then
    sed -i 's/^safe_to_bootstrap:.*/safe_to_bootstrap: 1/' "$DATA_DIR/grastate.dat"
    new=(--wsrep-new-cluster)
    rm -f "$DATA_DIR/gvwstate.dat"
fi
position=$(/usr/sbin/mariadbd --wsrep-recover 2>&1 | sed -n 's/.*WSREP: Recovered position: *//p' | tail -n 1)
exec /usr/sbin/mariadbd "${new[@]}" --wsrep_start_position="${position%%,*}" --wsrep_cluster_address="gcomm://$PEERS"
