#!/bin/bash
# Takes the settings of the last rollout away from a service that does not start with them; its
# supervisor starts it with those of before. They are kept beside, to be asked about.
#
#   reenact drill shutdown::setting_not_taken --kill each --again -- docs/examples/drills/web-service-settings.sh
#
# Exit codes: 0 it serves, 3 refused: it is no setting that keeps it from starting.
set -uo pipefail
node=app1

serves() { ssh "$node" 'curl -sf -m 2 -o /dev/null localhost:8080/health'; }

serves && { echo "it serves: nothing to do"; exit 0; }
ssh "$node" '[[ ! -e /etc/service.env ]] || { set -a; . /etc/service.env; }
    case $(shutdown-service none 2>&1 | tail -n 1) in
        *" cannot be used: "*) mv /etc/service.env /etc/service.env.broken ;;
        *"unknown command"*) ;;
        *) exit 3 ;;
    esac' || exit
for ((tries = 0; tries < 20; tries++)); do
    serves && exit 0
    sleep 1
done
exit 1
