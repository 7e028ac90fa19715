for unit in ${UNITS:-}; do
  run "unit $unit" systemctl show "$unit" -p ActiveState -p Result -p ExecMainCode -p ExecMainStatus -p ExecMainExitTimestampMonotonic -p ExecMainExitTimestamp
done
run metrics curl -s -m 3 http://127.0.0.1:8080/metrics
listeners
journal ${UNITS:-}
