# A file of a block, as the service's user, which is removed again. One that hangs cannot be ended, and is not
# joined by another.
store=/var/vcap/store/shared
if ps -eo args | grep -q '[.]look[.]X'; then
  run "write /var/vcap/store" echo hangs
elif [ -d "$store" ]; then
  run "write /var/vcap/store" sh -c "( { setpriv --reuid=vcap --regid=vcap --clear-groups sh -c 'f=\$(mktemp $store/.look.XXXXXX) && head -c 4096 /dev/zero >\$f && sync -d \$f && echo written; rm -f -- \$f' 2>&1; } & ) | timeout 5 cat"
fi
