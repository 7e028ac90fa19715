#!/bin/bash
# Makes each member of etcd anew that does not come up, beside a majority that serves: it is taken
# out of the cluster, its files alone are wiped, and its start adds it again. Fit to be killed at
# any moment and called again.
#
#   reenact drill diego::etcd_member_corrupt --kill each --again -- docs/examples/drills/etcd-replace-member.sh
#
# Exit codes: 0 all serve, 3 refused: no majority serves, and what is wiped might be the last copy.
set -uo pipefail
members=() serving=() others=()
for pair in $REENACT_ADDRESSES; do [[ $pair != etcd* ]] || members+=("$pair"); done

for pair in "${members[@]}"; do
    # A read by the quorum: a member without one does not answer it.
    if ssh "${pair%%=*}" 'curl -sf -m 9 -o /dev/null "localhost:4001/v2/keys/?quorum=true"'; then
        serving+=("${pair%%=*}")
    else
        others+=("$pair")
    fi
done
((${#others[@]})) || { echo "all members serve: nothing to do"; exit 0; }
((2 * ${#serving[@]} > ${#members[@]})) || { echo "only ${serving[*]:-none} serve"; exit 3; }

for pair in "${others[@]}"; do
    node=${pair%%=*} peer=http://${pair#*=}:7001
    echo "$node is made anew beside ${serving[*]}"
    ssh "$node" 'while pgrep -x etcd >/dev/null || ! monit summary | grep "etcd" | grep -q "Not monitored"; do
            monit stop etcd; sleep 1
        done' || exit 1
    ssh "${serving[0]}" "export ETCDCTL_API=2 ETCDCTL_ENDPOINTS=http://127.0.0.1:4001
        id=\$(etcdctl member list | sed -n 's#^\\([0-9a-f]*\\).*peerURLs=$peer .*#\\1#p')
        [[ -z \$id ]] || etcdctl member remove \$id" || exit 1
    ssh "$node" 'rm -rf /var/vcap/store/etcd' || exit 1
    ssh "$node" 'monit start etcd
        for ((tries = 0; tries < 60; tries++)); do
            curl -sf -m 9 -o /dev/null "localhost:4001/v2/keys/?quorum=true" && [[ -s /var/vcap/sys/run/etcd/etcd.pid ]] && exit 0
            sleep 1
        done
        exit 1' || exit 1
done
