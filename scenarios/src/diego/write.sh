# A key of version 2, which etcd removes after a minute.
run "etcd write" curl -s -m 9 -X PUT -d value=look -d ttl=60 "http://127.0.0.1:4001/v2/keys/look/$(hostname)"
