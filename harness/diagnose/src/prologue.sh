# It only reads: nothing on this machine is changed, and nothing is left on it. As root it reads
# more, and it is of use without. What looks like a password, a key or a token is cut out, by the
# patterns below: read what it printed before you hand it on.
#
#   sh look.sh > NAME.look                    the node's name is the file's
#   LOOKS=1 sh look.sh > NAME.look            one look, not three within twelve seconds
#   LOG_BYTES=1000000 sh look.sh > NAME.look  the last megabyte of each log, not the last 64
LC_ALL=C
PATH=$PATH:/usr/sbin:/sbin:/var/vcap/bosh/bin
export LC_ALL PATH
mark="@$$.$(date +%s)@"
command -v timeout >/dev/null 2>&1 || timeout() { shift; "$@"; }

# A name such as password, pwd, secret, token, api_key, credential, auth, encrypt, of which the value is cut; of one
# in quotes, as in JSON, only if that is in quotes too.
secret='([Pp][Aa][Ss][Ss]([Ww][Oo]?[Rr]?[Dd])?|[Pp][Ww][Dd]|[Ss][Ee][Cc][Rr][Ee][Tt]|[Tt][Oo][Kk][Ee][Nn]|[Aa][Pp][Ii][-_]?[Kk][Ee][Yy]|[Cc][Rr][Ee][Dd][Ee][Nn][Tt][Ii][Aa][Ll]|[Aa][Uu][Tt][Hh]|[Ee]ncrypt)'

# Cuts secrets out, and sets what was printed in by a space.
tidy() {
  # Such a pattern is no match of itself: `ps` shows it too.
  sed -E -e "/-----BEGIN [A-Z ]*PRIVATE KEY/,/-----END [A-Z ]*PRIVATE KEY|^$mark /{" -e "/^$mark /!s/.*/[cut]/" -e "}" \
    -e "s/([Bb]earer[[:space:]]+)[^[:space:]\"']+/\1[cut]/g" \
    -e "s/($secret[A-Za-z_-]*[\"'][[:space:]]*[=:]>?[[:space:]]*[\"'])[^\"']+/\1[cut]/g" \
    -e "s/($secret[A-Za-z_-]*[[:space:]]*[=:][[:space:]]*[\"']?)[^\"'[:space:],;&]+/\1[cut]/g" \
    -e "s/(--?([Pp]assword|[Pp]ass|token|secret))[[:space:]]+[^[:space:]]+/\1 [cut]/g" \
    -e "/mysql|maria/s/( -p)[^[:space:]]+/\1[cut]/g" \
    -e "s,(://[^/:@[:space:]]*:)[^@/[:space:]]+@,\1[cut]@,g" \
    -e "s/(IDENTIFIED[[:space:]]+(BY|WITH [a-z_]+ AS)[[:space:]]+(PASSWORD[[:space:]]+)?)'[^']*'/\1'[cut]'/g" \
    -e "/^$mark /{" -e "s/^$mark /=end /" -e "b" -e "}" -e "s/^/ /"
}

# run NAME COMMAND…: what a command prints, in ten seconds at most.
run() {
  echo "=begin $1"; shift
  { timeout 10 "$@" 2>&1 </dev/null; printf '\n%s %s\n' "$mark" "$?"; } | tidy
}

# file PATH: a small file.
file() { run "file $1" head -c 65536 "$1"; }

# log PATH…: the end of each log that there is. Of several looks, the last one reads them.
log() {
  [ "$logs" = yes ] || return 0
  for path in "$@"; do
    [ -f "$path" ] || continue
    echo "=begin log $path"
    { timeout 60 tail -c "${LOG_BYTES:-64000000}" "$path" 2>&1; printf '\n%s %s\n' "$mark" "$?"; } | tidy
  done
}

# journal UNIT…: the same of units that log to the journal, as precisely as this journalctl can.
journal() {
  [ "$logs" = yes ] || return 0
  command -v journalctl >/dev/null 2>&1 || return 0
  form='-o short-iso-precise'
  journalctl -q --no-pager $form -n 1 >/dev/null 2>&1 || form=
  for unit in "$@"; do
    echo "=begin log $unit.journal"
    { timeout 60 journalctl -q --no-pager $form -n 200000 -u "$unit" 2>&1
      printf '\n%s %s\n' "$mark" "$?"; } | tidy
  done
}

# The command lines of all processes, and who listens, with the tools that are there.
processes() {
  if command -v ps >/dev/null 2>&1; then run ps ps -eo args; return; fi
  run ps sh -c 'for one in /proc/[0-9]*/cmdline; do tr "\0" " " <"$one"; echo; done'
}
listeners() {
  if command -v ss >/dev/null 2>&1; then run ss ss -ltn; else run ss cat /proc/net/tcp /proc/net/tcp6; fi
}
