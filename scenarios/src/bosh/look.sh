sql="SELECT 'sql:locks', name, concat_ws('|', uid, task_id, floor(extract(epoch FROM expired_at) * 1000)::bigint) FROM locks
UNION ALL SELECT 'sql:tasks', id::text, concat(state, '|', type, '|', deployment_name, '|', floor(extract(epoch FROM checkpoint_time) * 1000)::bigint, '|', floor(extract(epoch FROM started_at) * 1000)::bigint, '|', translate(description, chr(10), ' ')) FROM tasks WHERE state NOT IN ('done', 'error', 'cancelled') OR id > (SELECT max(id) - 20 FROM tasks)
UNION ALL (SELECT 'sql:events', id::text, concat(action, '|', object_type, '|', object_name, '|', task, '|', deployment, '|', translate(error, chr(10), ' ')) FROM events ORDER BY events.id DESC LIMIT 50)
UNION ALL SELECT 'sql:jobs', id::text, concat(queue, '|', locked_by, '|', floor(extract(epoch FROM run_at) * 1000)::bigint, '|', substring(handler from 'task_id: ([0-9]+)')) FROM delayed_jobs
UNION ALL SELECT 'sql:vms', v.cid, concat(i.job, '/', i.uuid, '|', a.address_str) FROM vms v JOIN instances i ON i.id = v.instance_id LEFT JOIN ip_addresses a ON a.instance_id = i.id WHERE v.cid IS NOT NULL
UNION ALL SELECT 'now', 'now_ms', (floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint)::text
UNION ALL (SELECT 'cloud', 'cloud', translate(content, chr(10), chr(1)) FROM configs WHERE type = 'cloud' AND NOT deleted ORDER BY id DESC LIMIT 1)"
for database in ${BOSH_DB:-postgres://vcap@127.0.0.1/bosh postgres://bosh@127.0.0.1/bosh dbname=bosh}; do
  timeout 5 psql "$database" -X -q -A -t -c 'SELECT 1' >/dev/null 2>&1 && break
done
run tables psql "$database" -X -q -A -t -F '|' -c "$sql"
run ps ps -ww -eo pid,ppid,args
# The logs that were written last, and of the last 300 those of tasks that have not ended.
log $({ ls -t /var/vcap/store/director/tasks/*/debug 2>/dev/null | head -n 20
  for name in $(ls -t /var/vcap/store/director/tasks/*/debug 2>/dev/null | head -n 300); do
    tail -n 3 "$name" | grep -q 'Task took ' || echo "$name"
  done; } | awk '!seen[$0]++')
