#!/bin/bash
# An entry point that dares nothing: it waits until some other node serves.
#
#   reenact drill galera::non_primary_wedge --limit 2m --start-command docs/examples/drills/galera-start-waits.sh \
#       --variables docs/examples/drills/galera-start.env
until (for peer in ${PEERS//,/ }; do timeout 1 bash -c "exec 3<>/dev/tcp/$peer/3306" && exit 0; done; exit 1) 2>/dev/null; do
    sleep 1
done
exec /usr/sbin/mariadbd --wsrep_cluster_address="gcomm://$PEERS"
