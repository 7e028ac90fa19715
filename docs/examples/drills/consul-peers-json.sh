#!/bin/bash
# Brings Consul's servers together that look for each other at addresses of before: all of them
# are stopped, told in raft/peers.json where they are, and started. They keep their data. Fit to
# be killed at any moment and called again.
#
#   reenact drill diego::consul_old_peers --kill each --again -- docs/examples/drills/consul-peers-json.sh
#
# Exit codes: 0 all are led, 3 refused: some are led, or a machine is off and may have newer data.
set -uo pipefail
servers=() addresses=()
for node in $REENACT_NODES; do [[ $node != consul* ]] || servers+=("$node"); done

# Who leads, by each server: an address, `none`, or `down` where no agent runs.
leaders() {
    local server
    for server in "${servers[@]}"; do
        ssh "$server" 'pgrep -x consul >/dev/null || { echo down; exit; }
            leader=$(curl -s -m 5 localhost:8500/v1/status/leader | tr -d \")
            [[ $leader == *:8300 ]] && echo "$leader" || echo none' || return
    done
}

found=$(leaders) || { echo "a server cannot be reached"; exit 3; }
known=$(grep -c ':8300$' <<<"$found")
if ((known == ${#servers[@]})); then echo "all are led: nothing to do"; exit 0; fi
if ((known)); then echo "some are led and some are not"; exit 3; fi

for server in "${servers[@]}"; do
    ssh "$server" 'while pgrep -x consul >/dev/null; do monit stop consul_agent; sleep 1; done' || exit 1
done
# Where each one is by its own configuration: what it was deployed with is what is wrong.
for server in "${servers[@]}"; do
    address=$(ssh "$server" 'sed -n "s/.*\"bind_addr\": \"\(.*\)\".*/\1/p" /var/vcap/jobs/consul_agent.json') || exit 1
    addresses+=("$address:8300")
done
for server in "${servers[@]}"; do
    # Up to raft protocol 2 a peer is its address; later ones want its id, too.
    [[ $(ssh "$server" '. /var/vcap/jobs/settings; echo "${RAFT_PROTOCOL:-3}"') == 2 ]] || { echo "not protocol 2"; exit 3; }
    peers=$(printf '"%s",' "${addresses[@]}")
    ssh "$server" "echo '[${peers%,}]' >/var/vcap/store/consul_agent/raft/peers.json" || exit 1
done
for server in "${servers[@]}"; do
    ssh "$server" 'until pgrep -x consul >/dev/null; do monit start consul_agent; sleep 1; done' || exit 1
done
for ((tries = 0; tries < 30; tries++)); do
    (($(leaders | grep -c ':8300$') == ${#servers[@]})) && exit 0
    sleep 1
done
echo "no leader came"
exit 1
