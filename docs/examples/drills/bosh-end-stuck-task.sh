#!/bin/bash
# Ends the deploy that hangs in the CPI, not its lock: it is cancelled, its calls are killed, it
# ends by itself and gives its lock back. VMs that nobody knows of are deleted, and the deploy is
# made again. By the API, on the director's machine, as the bosh CLI would, and by psql.
#
#   reenact drill bosh::blocked_cpi_call --kill each --again -- docs/examples/drills/bosh-end-stuck-task.sh
#
# Exit codes: 0 deployed.
set -uo pipefail
deployment=paasta
manifest=$(dirname "${BASH_SOURCE[0]}")/bosh-paasta.yml

# What every command on the director's machine has.
tools="url=https://127.0.0.1:25555 deployment=$deployment"'
api() { curl -sS -f -m 10 --cacert /var/vcap/store/director/tls/ca.pem -u admin:admin "$@"; }
open() {
    api "$url/tasks?state=processing,cancelling,queued&deployment=$deployment" | grep -o "\"id\":[0-9]*" | cut -d: -f2
}
until_none_is_open() {
    for ((tries = 0; tries < 60; tries++)); do [[ -n $(open) ]] || return 0; sleep 0.5; done
    return 1
}
# Words of a task other than renewals of its lock.
words() { grep -cvE -- "-checkpoint|Renewing lock|expired_at" /var/vcap/store/director/tasks/$1/debug; }
'
director() { ssh director "$tools$1"; }
database() { ssh db "psql -U bosh -d bosh -AtqX -v ON_ERROR_STOP=1 -c \"$1\""; }
last() { database "SELECT state FROM tasks WHERE type = 'update_deployment' AND deployment_name = '$deployment' ORDER BY id DESC LIMIT 1"; }

tasks=$(director 'open; true') || exit 1
for task in $tasks; do
    if director "before=\$(words $task); sleep 3; [[ \$(words $task) == \"\$before\" ]]"; then
        echo "task $task hangs"
        director "api -o /dev/null -X DELETE \$url/task/$task; true" || exit 1
        director 'pkill -KILL -f "[d]irector cpi "; true' || exit 1
    fi
done
director until_none_is_open || exit 1
[[ $(last) != "done" ]] || { echo "the last deploy is done"; exit 0; }

known=$(database 'SELECT cid FROM vms WHERE cid IS NOT NULL') || exit 1
there=$(director 'cd /var/vcap/store/iaas/vms && grep -l "\"deployment\":\"$deployment\"" *.json | sed "s/.json$//"; true') || exit 1
for cid in $there; do
    grep -qx "$cid" <<<"$known" || director "
        echo '{\"method\":\"delete_vm\",\"arguments\":[\"$cid\"],\"context\":{\"request_id\":\"cpi-operator\"}}' | director cpi" || exit 1
done

director 'api -o /dev/null -X POST -H "Content-Type: text/yaml" --data-binary @- $url/deployments' <"$manifest" || exit 1
director until_none_is_open || exit 1
[[ $(last) == "done" ]]
