run jobs ls /var/vcap/jobs /var/vcap/store
for api in v3 v3beta; do
  run "etcd status $api" curl -s -m 3 -X POST -d '{}' "http://127.0.0.1:4001/$api/maintenance/status"
  run "etcd hash $api" curl -s -m 3 -X POST -d '{}' "http://127.0.0.1:4001/$api/maintenance/hash"
done
file /var/vcap/sys/run/etcd/etcd.pid
run listeners ss -ltnp
run "consul self" curl -s -m 3 http://127.0.0.1:8500/v1/agent/self
run "consul leader" curl -s -m 3 http://127.0.0.1:8500/v1/status/leader
run "consul peers" curl -s -m 3 "http://127.0.0.1:8500/v1/operator/raft/configuration?stale"
run "consul lock" curl -s -m 3 "http://127.0.0.1:8500/v1/kv/v1/locks/bbs_lock?stale"
run "consul session" curl -s -m 3 "http://127.0.0.1:8500/v1/session/list?stale"
certs=/var/vcap/jobs/bbs/config/certs
[ -r "$certs/server.crt" ] && set -- --cert "$certs/server.crt" --key "$certs/server.key" || set --
for scheme in https http; do
  run "bbs ping $scheme" curl -s -k "$@" -m 3 -w '\n%{http_code}' -X POST "$scheme://127.0.0.1:8889/v1/ping"
done
run monit curl -s -m 3 "http://127.0.0.1:2822/_status?format=xml"
listeners
processes
log /var/vcap/sys/log/etcd/*.log /var/vcap/sys/log/consul_agent/*.log /var/vcap/sys/log/bbs/*.log
journal etcd consul
