#!/bin/bash
# Looks at the broken nodes in each way that `reenact diagnose` has, and touches nothing: what it
# says must be what the suite's detector says. It ends with 3, a refusal.
#
#   REENACT=$PWD/target/debug/reenact reenact drill diego::etcd_orphan --look --refused 3 -- docs/examples/drills/look.sh
set -uo pipefail
reenact=${REENACT:-reenact}
system=$REENACT_SYSTEM
folder=$REENACT_OPERATOR/looks
mkdir -p "$folder/case"
read -ra nodes <<<"$REENACT_NODES"
hosts=$(IFS=,; echo "${nodes[*]}")

container() { sed -n "/^Host $1 /,/ProxyCommand/s/.* operator exec \([^ ]*\) .*/\1/p" "$SSH_CONFIG"; }
named=()
for node in "${nodes[@]}"; do named+=("$node=$(container "$node")"); done

# What a person on call knows.
known=(--was-well)
case $system in
bosh) # the lab's director waits for a part of production's times
    scale=$(docker inspect -f '{{range .Config.Env}}{{println .}}{{end}}' "$(container director)" | sed -n 's/^TIME_SCALE=//p')
    awk -v scale="$scale" 'BEGIN { print "[settings]\nscale = " scale
        for (n = split("renew 120 expiry 241 checkpoint 30 timeout 180 agent_wait 600", of, " "); n > 0; n -= 2)
            printf "%s_ms = %d\n", of[n - 1], of[n] * 1000 * scale }' >"$folder/inventory.toml"
    ;;
diego) printf '[settings]\nnsync_ms = 3000\nretry_ms = 2500\n' >"$folder/inventory.toml" ;; # the lab's
blobstore) printf '[nodes.%s.disks]\n"/var/vcap/store" = "read_write"\n' "${nodes[0]}" >"$folder/inventory.toml" ;;
galera)
    for pair in $REENACT_ADDRESSES; do
        printf '[nodes.%s]\naddress = "%s:3306"\n' "${pair%%=*}" "${pair#*=}"
    done >"$folder/inventory.toml"
    ;;
esac
[[ ! -e $folder/inventory.toml ]] || known+=(--inventory "$folder/inventory.toml")

# say WAY OPTION…: what is diagnosed that way, one verdict a line.
say() {
    local way=$1
    shift
    "$reenact" diagnose --system "$system" --json "${known[@]}" "$@" >"$folder/$way.json" 2>"$folder/$way.err"
    echo "$way: exit code $?"
    sed -n 's/.*"detector":"\([^"]*\)".*"verdict":"\(fired\|if_it_lasts\)".*/  \1 \2/p' "$folder/$way.json"
}

# rows NAME: a part of what the director's exporter says, as name|value rows.
rows() {
    local part=${state#*"\"$1\":{"}
    grep -o '"[^"]*":"[^"]*"' <<<"${part%%\}*}" | sed 's/"//g; s/:/|/'
}

say ssh --ssh "$hosts"
say docker --docker "${named[@]}"
write=(--write)
[[ $system == bosh || $system == shutdown ]] && write=() # nobody knows what they would take
say docker-for --docker "${named[@]}" --for 20s "${write[@]}"
"$reenact" collect --system "$system" >"$folder/look.sh"
for node in "${nodes[@]}"; do
    ssh "$node" sh <"$folder/look.sh" >"$folder/case/$node.look" &
    # What only a container's host can tell.
    docker logs -t "$(container "$node")" >"$folder/case/$node-docker.log" 2>&1
    docker inspect "$(container "$node")" >"$folder/case/$node-inspect.json"
done
wait
if [[ $system == bosh ]] && state=$(ssh director curl -s -m 5 http://127.0.0.1:9100/state); then
    rows inflight >"$folder/case/director-inflight.txt"
    rows vms >"$folder/case/director-iaas-vms.txt"
fi
say files --files "$folder/case"
exit 3
