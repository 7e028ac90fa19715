#!/bin/bash
# Switches on every machine that is off, and touches no other: all that many an outage needs.
#
#   reenact drill diego::etcd_quorum_lost_by_kill --again -- docs/examples/drills/power-on.sh
set -uo pipefail
read -ra nodes <<<"$REENACT_NODES"

for node in "${nodes[@]}"; do
    [[ $(power "$node" status) == on ]] || power "$node" on || exit 1
done
