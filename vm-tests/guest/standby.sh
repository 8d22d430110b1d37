# shellcheck shell=bash
# What the cases of a standby ask: a client's record of what it was told, and what may be left.
# Needs: backout.sh, for cuts cut.sh, and of the product PRODUCT.sh.

# redis_client [FROM]: a client that writes until there is a file /root/enough: numbers in a list, from FROM on, over one connection for as long as there is one. What was
# acknowledged stands in /root/acknowledged, with the time. A number is not tried again, so that none can be there twice by right.
redis_client() {
  local n=${1:-0} reply
  trap '' PIPE
  while [ ! -e /root/enough ]; do
    if ! exec 9<>/dev/tcp/127.0.0.1/6379; then sleep 0.02 && continue; fi 2>/dev/null
    while [ ! -e /root/enough ]; do
      n=$((n + 1))
      printf 'RPUSH written %s\r\n' "$n" >&9 || break
      IFS= read -r -t 60 -u 9 reply || break
      case $reply in
        :*) echo "$n $EPOCHREALTIME" >>/root/acknowledged ;;
        *) sleep 0.02 ;;
      esac
    done
    exec 9>&-
  done 2>/dev/null
}

# redis_numbers_made: what the client writes into. redis_numbers: those that the server has. redis_numbers_gone: it has them no more.
redis_numbers_made() { :; }
redis_numbers() { redis-cli LRANGE written 0 -1; }
redis_numbers_gone() { redis-cli DEL written >/dev/null; }

# mariadb_client [FROM]: a client that writes until there is a file /root/enough: numbered rows, one transaction each, from FROM on. What was acknowledged
# stands in /root/acknowledged, with the time. A number is not tried again, so that none can be there twice by right.
mariadb_client() {
  local n=${1:-0}
  sql shop -e 'CREATE TABLE IF NOT EXISTS written (n INT NOT NULL) ENGINE=InnoDB'
  while [ ! -e /root/enough ]; do
    n=$((n + 1))
    if sql --connect-timeout=2 shop -e "INSERT INTO written VALUES ($n)" 2>/dev/null; then
      echo "$n $EPOCHREALTIME" >>/root/acknowledged
    else
      sleep 0.02
    fi
  done
}

# The client makes its table.
mariadb_numbers_made() { :; }
mariadb_numbers() { sql shop -e 'SELECT n FROM written'; }
mariadb_numbers_gone() { sql shop -e 'DROP TABLE written'; }

# postgresql_client [FROM]: as redis_client; numbers into the table `written`.
postgresql_client() {
  local n=${1:-0} reply pid
  trap '' PIPE
  while [ ! -e /root/enough ]; do
    # Its variables are gone as soon as it has ended.
    coproc SESSION { PGPASSWORD=changed psql --host=127.0.0.1 --username=shop --dbname=shop --no-psqlrc --quiet --no-align --tuples-only 2>&1; }
    while [ ! -e /root/enough ]; do
      n=$((n + 1))
      echo "INSERT INTO written VALUES ($n) RETURNING n;" >&"${SESSION[1]:-}" || break
      IFS= read -r -t 60 -u "${SESSION[0]:-}" reply || break
      [ "$reply" = "$n" ] || break
      echo "$n $EPOCHREALTIME" >>/root/acknowledged
    done
    pid=${SESSION_PID:-}
    if [ -n "$pid" ]; then
      kill "$pid" || true
      wait "$pid" || true
    fi
    sleep 0.02
  done 2>/dev/null
}

postgresql_numbers_made() { pg -d shop -c 'CREATE TABLE written (n bigint)' -c 'ALTER TABLE written OWNER TO shop'; }
postgresql_numbers_gone() { pg -d shop -c 'DROP TABLE written'; }
postgresql_numbers() { pg -d shop -c 'SELECT n FROM written'; }

# written PRODUCT: every number acknowledged is there, and none is there twice.
written() {
  "${1}_numbers" | sort >/root/found
  [ -z "$(uniq -d /root/found)" ]
  cut -d' ' -f1 /root/acknowledged | sort >/root/told
  [ -s /root/told ]
  comm -23 /root/told /root/found | tee /root/missing
  [ ! -s /root/missing ]
}

# gaps COUNT [SINCE]: the longest times without an acknowledged number, from this time on.
gaps() {
  awk -v since="${2:-0}" '$2 >= since { if (last) printf "%.2f\n", $2 - last; last = $2 }' /root/acknowledged | sort -rn | sed -n "1,${1}p" |
    sed 's/$/ s/' | paste -s -d, | sed 's/^/the longest gaps of the client: /; s/,/, /g'
}

# client_ended PROCESS SINCE: the client writes no more; how many writes were acknowledged, and its longest gaps from this time on.
client_ended() {
  touch /root/enough
  wait "$1"
  echo "$(wc -l </root/acknowledged) acknowledged writes; $(gaps 2 "$2")"
}

nothing_of_a_standby() {
  [ -z "$(zfs list -H -o name -r tank | grep -F .standby || true)" ]
  if grep -F /run/backout-standby /proc/mounts; then return 1; fi
  [ -z "$(systemctl list-units --plain --no-legend 'backout-standby-*' 'backout-feed-*' 'backout-serve-*' || true)" ]
}

main_pid() { systemctl show --property=MainPID --value "$1"; }

# units_said NAME: after a failure, what the units of this product's standby said.
units_said() {
  systemctl list-units --plain --no-legend 'backout-*' || true
  journalctl --no-pager -o short-precise -u 'backout-*' -u "$1" | tail -n 80
}

# given_back STATUS FILE: a run that ended so, and said what is in the file, has given its switch up: that is no failure.
given_back() { [ "$1" = 1 ] && grep -qF 'given up' "$2"; }

# switched: the previous version is back, and nothing is under way.
switched() { backout --json status | grep -F '"state":"backed out"' >/dev/null; }

# kill_switch [OPTION...]: a switch is killed at every point that it reaches for the first time (of a sample: at one of so many). What was killed within
# the deadline is taken back by `resume`, and begun again.
kill_switch() {
  local status kills=0 back=0 every=1 words points=(--crash-log /root/crash-points)
  if [ -f /case/sample ]; then
    points+=(--crash-sample "$(cat /case/sample)")
    read -r every _ </case/sample
  fi
  : >/root/crash-points
  while :; do
    status=0
    backout status >/root/status-now || status=$?
    if [ "$status" = 4 ]; then
      words=(resume)
    else
      ! switched || break
      backout standby start --yes >/dev/null
      words=(downgrade --yes "$@")
    fi
    status=0
    backout "${points[@]}" "${words[@]}" >/root/said 2>&1 || status=$?
    if [ "$status" = 137 ]; then
      kills=$((kills + 1))
      [ "$kills" -lt 300 ] || { echo "no end" >&2; return 1; }
    elif given_back "$status" /root/said; then
      back=$((back + 1))
    elif [ "$status" != 0 ]; then
      cat /root/said
      return 1
    fi
  done
  echo "killed $kills times, given up $back times: $(tr '\n' ' ' </root/crash-points)"
  [ "$kills" -gt $((5 / every)) ]
  fault "kill -9 at a point of a switch" resumed "$kills"
}

# goes_over [OPTION...]: one boot of a switch whose power is cut: begins, or goes on, until the previous version serves.
goes_over() {
  local status=0 cuts=(--cut-fired /case/fired)
  [ ! -f /case/only ] || cuts+=(--cut-only /case/only)
  backout status || status=$?
  unflushed
  echo "the clock runs" >/dev/console
  if [ "$status" = 4 ]; then
    echo "cut in the middle" >/dev/console
    status=0
    backout "${cuts[@]}" resume >/root/said 2>&1 || status=$?
    cat /root/said
    [ "$status" = 0 ] || given_back "$status" /root/said
  fi
  if ! switched; then
    backout "${cuts[@]}" standby start --yes
    backout "${cuts[@]}" downgrade --yes "$@"
  fi
  switched
}
