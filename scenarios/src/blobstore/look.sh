run mountinfo cat /proc/self/mountinfo
run fstab cat /etc/fstab
run statfs stat -f -c '%n|%S|%b|%a' $(awk '$0 ~ / - [a-z0-9]+ \/dev\// { print $5 }' /proc/self/mountinfo)
run devices sh -c 'for one in /sys/fs/ext4/*/errors_count /sys/class/block/*/ro; do [ -r "$one" ] && echo "$one $(cat "$one")"; done'
run blocks ls -l /sys/dev/block
run dmesg dmesg
processes
listeners
for name in /var/vcap/sys/log/*/pre-start.stderr.log; do [ -f "$name" ] && file "$name"; done
if [ -f /var/vcap/bosh/managed_disk_settings.json ]; then file /var/vcap/bosh/managed_disk_settings.json; fi
run monit "$(command -v monit || echo /var/vcap/bosh/bin/monit)" summary
run health curl -s -m 3 -o /dev/null -w '%{http_code}' http://127.0.0.1:8080/health
log /var/vcap/sys/log/blobstore/error.log /var/vcap/sys/log/blobstore/nginx.stderr.log /var/log/nginx/error.log
