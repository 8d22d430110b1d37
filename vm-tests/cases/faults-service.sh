#!/bin/bash
# DESCRIPTION: a service that misbehaves in a downgrade: a stop that lies, a watchdog, a capture that is damaged or truncated, a restore that dies or rejects
# STRATEGY: one fault after the other on the upgraded guest: the downgrade succeeds all the same, or stops and names the fault, with nothing destroyed, and `abort` opens the upgraded data as it was
# stage: redis-upgraded
# uses: backout
# faults: service
# when: all
# limit: 4800
set -euo pipefail
. /case/guest/pool.sh
. /case/guest/redis.sh
. /case/guest/backout.sh

# back_up_there: abort, and the upgraded version serves what it held.
back_up_there() {
  backout abort --yes
  redis_version | grep -F 8.0
  systemctl is-active redis-server.service
  same_redis /root/dump-new
}

newest_capture() { find "/var/lib/backout/changes/$(change_id)/capture" -type f -printf '%C@ %p\n' | sort -n | tail -n 1 | cut -d' ' -f2; }

echo "== a stop that lies: a server outlives its unit"
systemd-run --quiet --unit=stray --uid=redis /usr/bin/redis-server --port 7777 --dir /var/lib/redis --dbfilename stray.rdb
sleep 2
expect 1 backout downgrade --keep --yes 2>&1 | tee /root/said
grep -F 'this is still there: redis-server' /root/said
grep -F 'backout log --commands' /root/said
systemctl stop stray.service
rm -f /var/lib/redis/stray.rdb
fault "stop that lies" halted
back_up_there

echo "== a watchdog that starts the unit again, every second"
systemd-run --quiet --unit=watchdog bash -c 'while sleep 1; do systemctl start redis-server.service; done'
backout downgrade --keep --yes
systemctl stop watchdog.service
redis_version | grep -F 7.0
same_redis /root/dump-new
fault "watchdog starts the unit" resumed
backout undo --yes
same_redis /root/dump-new

echo "== a watchdog that starts the server itself, in the middle"
crash_at capture:done downgrade --keep
systemd-run --quiet --unit=rogue --uid=redis /usr/bin/redis-server --port 7777 --dir /var/lib/redis --dbfilename rogue.rdb
sleep 2
expect 1 backout resume 2>&1 | tee /root/said
grep -F redis-server /root/said
systemctl stop rogue.service
rm -f /var/lib/redis/rogue.rdb
fault "server started in the middle" halted
back_up_there

echo "== a capture that is damaged before it is read back"
crash_at capture:done downgrade --keep
file=$(newest_capture)
cp -p "$file" /root/capture
printf 'x' | dd of="$file" bs=1 seek=100 conv=notrunc status=none
expect 1 backout resume 2>&1 | tee /root/said
grep -F 'is damaged' /root/said
[ -z "$(zfs list -H -o name -r tank | grep -F .upgraded || true)" ]
fault "damaged capture" halted
back_up_there

echo "== a capture that was cut short"
crash_at capture:done downgrade --in-place
file=$(newest_capture)
truncate -s -10 "$file"
expect 1 backout resume 2>&1 | tee /root/said
grep -F 'is damaged' /root/said
fault "truncated capture" halted
back_up_there

echo "== a restore that dies half-way: the server is killed under it"
crash_at restore:started downgrade --keep
pkill -KILL -x redis-server
expect 0 backout resume 2>&1 | tee /root/said
redis_version | grep -F 7.0
same_redis /root/dump-new
fault "server killed before the restore" resumed
backout undo --yes
same_redis /root/dump-new

echo "== a restore that the old version rejects: a hash field that expires"
redis-cli HPEXPIREAT user:1 4102444800000 FIELDS 1 visits
redis_dump >/root/dump-new
expect 6 backout downgrade --keep --yes 2>&1 | tee /root/said
grep -F 'the previous version rejects 1 item' /root/said
grep -F HPEXPIREAT /root/said
systemctl is-active redis-server.service && exit 1
fault "rejected by the old version" halted
back_up_there
echo "== the same, answered for: the field comes back, but for its end"
expect 6 backout downgrade --keep --yes
expect 6 backout resume --accept-rejects 2>&1 | tee /root/said
grep -F '1 item was rejected by it and left out' /root/said
grep -F HPEXPIREAT "/var/lib/backout/changes/$(change_id)"/rejects*[0-9]
# The proof names what became of it.
grep -F 'missing in keys: 0	user:1	field' /root/said
backout resume --accept-differences
redis_version | grep -F 7.0
same_redis /root/dump-new
fault "rejects accepted" resumed
backout undo --yes
redis-cli HPTTL user:1 FIELDS 1 visits | grep -E '[0-9]{6}'
same_redis /root/dump-new

echo "== the append-only file was rewritten: what was written since cannot be told from what is older"
redis-cli BGREWRITEAOF
until redis-cli INFO persistence | grep -q 'aof_rewrite_in_progress:0'; do sleep 1; done
expect 3 backout downgrade --keep --yes 2>&1 | tee /root/said
grep -F '[continuity]' /root/said
same_redis /root/dump-new
fault "rewritten log" halted
