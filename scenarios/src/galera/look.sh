for folder in $(my_print_defaults --mysqld 2>/dev/null | sed -n 's/^--datadir=//p') \
  /var/lib/mysql /var/vcap/store/pxc-mysql /var/vcap/store/mysql; do
  [ -d "$folder" ] || continue
  for name in grastate.dat gvwstate.dat sst_in_progress mysqld.pid; do file "$folder/$name"; done
  break
done
login=/var/vcap/jobs/pxc-mysql/config/mylogin.cnf
[ -r "$login" ] && set -- "--defaults-file=$login" || set --
run addresses sh -c 'hostname -I; hostname -f; hostname'
run status "$(command -v mariadb || echo mysql)" "$@" -N -B -e "SHOW GLOBAL STATUS LIKE 'wsrep%'"
processes
listeners
log $(my_print_defaults --mysqld 2>/dev/null | sed -n 's/^--log[-_]error=//p') \
  /var/log/mysql/error.log /var/log/mysqld.log /var/log/mariadb/mariadb.log "$folder"/*.err \
  /var/vcap/sys/log/pxc-mysql/mysql.err.log /var/vcap/sys/log/mysql/mysql.err.log
journal mariadb mysql mysqld
