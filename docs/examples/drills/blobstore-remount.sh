#!/bin/bash
# Makes a disk writable again that somebody has left read-only, and starts the jobs. Only where
# the file system itself has found no error: else its last writes are in memory alone.
#
#   reenact drill blobstore::remounted_at_rest --kill each --again -- docs/examples/drills/blobstore-remount.sh
#
# Exit codes: 0 it serves, 3 refused: the disk is not mounted, or has errors.
set -uo pipefail
read -r node _ <<<"$REENACT_NODES"

if ssh "$node" 'pgrep -f "nginx: master" >/dev/null && touch /var/vcap/store/.try && rm /var/vcap/store/.try' 2>/dev/null; then
    echo "it serves: nothing to do"
    exit 0
fi
ssh "$node" 'store=/var/vcap/store
    row=$(grep " $store " /proc/mounts | tail -n 1)
    [[ -n $row ]] || { echo "nothing is mounted at $store"; exit 3; }
    tune2fs -l "${row%% *}" | grep "^FS Error count" && exit 3
    mount -o remount,rw $store && touch $store/.try && rm $store/.try || exit 1' || exit
ssh "$node" 'director restart' || exit 1
