# shellcheck shell=bash
# Redis with its data on a dataset of its own, with the settings that a way back needs.
# Needs: pool.sh.
. /case/guest/product.sh

redis_version() { dpkg-query -W -f '${Version}\n' redis-server; }

# redis_on_zfs [DATASET]: moves /var/lib/redis onto a dataset, configures, starts, and enables at boot.
redis_on_zfs() {
  local dataset=${1:-tank/redis}
  systemctl stop redis-server.service
  mv /var/lib/redis /var/lib/redis.image
  dataset_create "$dataset" /var/lib/redis -o atime=off
  chown redis:redis /var/lib/redis
  chmod 750 /var/lib/redis
  cp -a /var/lib/redis.image/. /var/lib/redis/
  rm -rf /var/lib/redis.image
  # Every write is on the disk before its client hears of it, and the file that holds them is never rewritten.
  printf '%s\n' 'appendonly yes' 'appendfsync always' 'auto-aof-rewrite-percentage 0' >>/etc/redis/redis.conf
  apt-get update -qq
  systemctl enable --quiet redis-server.service
  systemctl start redis-server.service
}

# redis_feed COUNT: all replies were good, and there were at least this many.
redis_feed() { # < commands
  local said
  said=$(redis-cli --pipe)
  grep -q '^errors: 0, ' <<<"$said" || { echo "$said" >&2; return 1; }
  [ "$(sed -n 's/.*replies: //p' <<<"$said")" = "$1" ]
}

redis_seed() {
  {
    for i in $(seq 3000); do echo "SET page:$i \"the text of page $i\""; done
    for i in $(seq 500); do echo "HSET user:$i name user$i visits $i"; done
    for i in $(seq 500); do echo "RPUSH queue:$((i % 10)) job$i"; done
    for i in $(seq 500); do echo "ZADD scores $i.1 player$i"; done
    for i in $(seq 200); do echo "SADD tags tag$i"; done
    for i in $(seq 300); do echo "XADD events $i-1 kind login user $i"; done
  } | redis_feed 5000
}

# What clients do on the new version: new keys, changes that must not be made twice, deletions, another database, moves, bytes.
redis_write_on_new() {
  {
    for i in $(seq 1000); do echo "SET new:$i \"written on 8.0\""; done
    for i in $(seq 500); do echo "HINCRBY user:$i visits 1"; done
    for i in $(seq 200); do echo "INCR counter"; done
    for i in $(seq 300); do echo "LPOP queue:$((i % 10))"; done
    for i in $(seq 500); do echo "DEL page:$i"; done
    for i in $(seq 250); do echo "ZINCRBY scores 0.7 player$i"; done
    for i in $(seq 100); do echo "SREM tags tag$i"; done
    for i in $(seq 301 400); do echo "XADD events $i-1 kind logout user $i"; done
    echo 'RENAME page:600 page:renamed'
    echo 'APPEND page:601 "\x00\x01\xff\r\n\"quoted\""'
    echo 'SET "key with spaces and a \t tab" value'
    echo 'SELECT 3'
    for i in $(seq 45); do echo "SET other:$i $i"; done
    echo 'SELECT 0'
  } | redis_feed 3000
}

# redis_write_times: keys whose first end, in five seconds, is put off, lifted or kept; a group that reads a stream; a function.
redis_write_times() {
  redis_feed 9 <<'COMMANDS'
HSET session:1 user bob
EXPIRE session:1 5
HSET session:1 seen 1
EXPIRE session:1 86400
SET kept v EX 5
PERSIST kept
SET gone v EX 5
XGROUP CREATE events readers 0
XREADGROUP GROUP readers one COUNT 2 STREAMS events >
COMMANDS
  redis-cli FUNCTION LOAD "#!lua name=mine
redis.register_function('mine', function() return 'yes' end)"
}

# redis_times_are_kept: all of that is as it must be after that first end.
redis_times_are_kept() {
  [ "$(redis-cli HGET session:1 user)" = bob ]
  [ "$(redis-cli HGET session:1 seen)" = 1 ]
  [ "$(redis-cli GET kept)" = v ]
  [ "$(redis-cli TTL kept)" = -1 ]
  [ "$(redis-cli EXISTS gone)" = 0 ]
  [ "$(redis-cli XPENDING events readers | head -n 1)" = 2 ]
  [ "$(redis-cli FCALL mine 0)" = yes ]
}

# redis_dump: everything, one line a value, independent of the tool under test. Keys are those that the functions above make.
redis_dump() {
  local db
  for db in 0 3; do
    redis-cli -n "$db" --scan | LC_ALL=C sort >/tmp/dump.keys
    sed 's/.*/TYPE "&"/; s/\t/\\t/' /tmp/dump.keys | redis-cli -n "$db" >/tmp/dump.types
    # A tab in a key is written \t, so that it can stand in a column and in a command.
    sed 's/\t/\\t/' /tmp/dump.keys | paste /tmp/dump.types - | awk -F'\t' '
      { print "ECHO \"" $2 "\"" }
      $1 == "string" { print "GET \"" $2 "\"" }
      $1 == "list" { print "LRANGE \"" $2 "\" 0 -1" }
      $1 == "set" { print "SORT \"" $2 "\" ALPHA" }
      $1 == "hash" { print "HMGET \"" $2 "\" name visits"; print "HLEN \"" $2 "\"" }
      $1 == "zset" { print "ZRANGE \"" $2 "\" 0 -1" }
      $1 == "stream" { print "XRANGE \"" $2 "\" - +" }' | redis-cli -n "$db" | sed "s/^/$db /"
    # 7.0 and 8.0 write the same score with another number of digits.
    [ "$db" != 0 ] || redis-cli -n "$db" ZRANGE scores 0 -1 WITHSCORES | awk 'NR % 2 { name = $0; next } { printf "score %s %.6f\n", name, $0 }'
  done
}

# same_redis FILE: the server holds what FILE says.
same_redis() { same_as "$1" redis_dump; }

redis_site() { site_written redis tank/redis 8.0 'full_proof = "later"' "$@"; }

# own_redis_playbook: a copy of the playbook with its programs, to be changed.
own_redis_playbook() {
  mkdir -p /etc/backout/playbooks
  cp -r /case/playbooks/redis /etc/backout/playbooks/
  rm -rf /etc/backout/playbooks/redis/tests
  chmod 755 /etc/backout
  chmod -R u=rwX,go=rX /etc/backout/playbooks
}

# redis_playbook_with_hooks: a copy of the playbook whose commands go through /root/hook, with short limits; what /run/hook/NAME says happens once.
redis_playbook_with_hooks() {
  own_redis_playbook
  mkdir -p /run/hook
  cat >/root/hook <<'HOOK'
#!/bin/bash
# hook NAME CMD...: CMD, but for the fault that /run/hook/NAME names, once.
name=$1
shift
fault=$(cat "/run/hook/$name" 2>/dev/null)
rm -f "/run/hook/$name"
# A child in a session of its own, without our environment, that writes on and on.
stray() { setsid env -i /usr/bin/bash -c 'exec -a stray bash -c "echo \$\$ >/root/stray; while sleep 0.2; do date +%s%N >>/var/lib/redis/stray; done"' </dev/null >/dev/null 2>&1 & }
case $fault in
  hang) stray; sleep infinity ;;
  stray) stray; sleep 1 ;;
  deaf) trap '' TERM; stray; while :; do sleep 1; done ;;
  half) "$@" | head -c 50000; exit 1 ;;
  complain) echo 'ERROR: no space for the capture' >&2; exit 0 ;;
  short) SHORT=yes "$@"; echo 'warning: some could not be read' >&2; exit 0 ;;
esac
exec "$@"
HOOK
  # The growth of the append-only file since the snapshot; SHORT: without its end.
  cat >/root/capture-aof <<'CAPTURE'
#!/bin/bash
set -euo pipefail
cd /var/lib/redis/appendonlydir
file=$(echo *.incr.aof)
size=$(stat -c %s "/var/lib/redis/.zfs/snapshot/$2/appendonlydir/$file")
tail -c +"$((size + 1))" "$file" >"$1/$file"
if [ -n "${SHORT:-}" ]; then
  LC_ALL=C awk '/^\*/ && ++n > 1500 { exit } { print }' "$1/$file" >"$1/cut"
  mv "$1/cut" "$1/$file"
fi
CAPTURE
  chmod 755 /root/hook /root/capture-aof
  sed \
    -e 's|^units = .*|&\nstop_within = "20s"|' \
    -e 's|^grown_files = .*|command = { argv = ["/root/hook", "capture", "/root/capture-aof", "{capture_dir}", "{snapshot}"], timeout = "15s", fails_on = ["^ERROR"] }|' \
    -e '/^\[restore\]/,/^past_rejects/s|^  "{backout}", "helper", "redis-load"|  "/root/hook", "restore", &|' \
    -e 's|^command = { argv = \["{backout}", "helper", "redis-keys"|command = { argv = ["/root/hook", "inventory", "{backout}", "helper", "redis-keys"|' \
    -e 's|^install = { argv = \["apt-get"|install = { argv = ["/root/hook", "package", "apt-get"|' \
    -e '/^install = /s|timeout = "1h"|timeout = "4m"|' \
    -e 's|timeout = "24h"|timeout = "45s"|; s|timeout = "2h"|timeout = "45s"|' \
    /case/playbooks/redis/playbook.toml >/etc/backout/playbooks/redis/playbook.toml
  backout playbook check /etc/backout/playbooks/redis
  [ "$(grep -c /root/hook /etc/backout/playbooks/redis/playbook.toml)" = 5 ]
}

# hook NAME FAULT: the next time that the command of this name runs.
hook() { echo "$2" >"/run/hook/$1"; }

# stray_ended: the child that was to escape wrote, and is gone.
stray_ended() {
  local pid before
  pid=$(cat /root/stray)
  [ ! -e "/proc/$pid" ] || { echo "the child $pid is still there" >&2; return 1; }
  before=$(find /var/lib/redis* -name stray -printf '%T@ %s\n' 2>/dev/null)
  sleep 1
  [ "$before" = "$(find /var/lib/redis* -name stray -printf '%T@ %s\n' 2>/dev/null)" ]
  rm -f /root/stray /var/lib/redis/stray
}

# redis_count N: so many INCRs of one key: a replay that takes its time, and that nobody can make twice unseen.
redis_count() { seq "$1" | sed 's/.*/INCR counter/' | redis_feed "$1"; }

# redis_slow_capture: the playbook with a pass in front that writes for some seconds, so that there is a within.
redis_slow_capture() {
  own_redis_playbook
  # shellcheck disable=SC2016
  awk '/^\[\[capture.pass\]\]/ {
      print "[[capture.pass]]\nabout = \"a copy that takes its time\"\nservice = \"stopped\""
      print "command = { argv = [\"sh\", \"-c\", '\'''\'''\''for i in $(seq 50); do head -c 65536 /dev/urandom >>\"$1/slow\" || exit 1; sleep 0.1; done; rm \"$1/slow\"'\'''\'''\'', \"sh\", \"{capture_dir}\"] }\n"
    } { print }' /case/playbooks/redis/playbook.toml >/etc/backout/playbooks/redis/playbook.toml
  backout playbook check /etc/backout/playbooks/redis
}
