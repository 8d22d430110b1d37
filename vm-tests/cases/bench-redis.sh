#!/bin/bash
# DESCRIPTION: a benchmark of Redis: how long clients are shut out by each way back, and by the same steps by hand, in one guest
# STRATEGY: for each size and delta: upgrade, write, go back in each way, undo, compare the content; the plain steps are the last; times are noted, and decide nothing
# stage: redis-seeded
# uses: backout
# when: all
# disk: 16G
# limit: 4800
set -euo pipefail
. /case/guest/pool.sh
. /case/guest/redis.sh
. /case/guest/backout.sh
. /case/guest/bench.sh

# texts KEY FROM TO: so many keys with 1 KB of text each that does not compress well.
texts() {
  head -c 500000 /dev/urandom | od -An -tx1 -v | tr -d ' \n' | awk -v key="$1" -v from="$2" -v to="$3" '
    { pool = $0 }
    END { for (n = from; n <= to; n++) printf "SET %s:%d %s\n", key, n, substr(pool, 1 + n * 7919 % 998000, 1000) }' | redis_feed $(($3 - $2 + 1))
}

have=0
grow() {
  while [ "$have" -lt $(($1 * 1000)) ]; do
    texts bulk $((have + 1)) $((have + 10000))
    have=$((have + 10000))
  done
}
site() { redis_site; }
upgraded() { until [ "$(redis-cli ping 2>/dev/null)" = PONG ]; do sleep 0.2; done; }
delta() {
  texts delta 1 $(($1 * 900))
  texts bulk 1 $(($1 * 100))
  seq $(($1 * 10)) | sed 's/.*/DEL bulk:5&/' | redis_feed $(($1 * 10))
}
content() {
  redis-cli dbsize
  for n in $(seq 1 997 "$have"); do echo "GET bulk:$n"; done | redis-cli | sha256sum
  for n in $(seq 1 97 $((written * 900))); do echo "GET delta:$n"; done | redis-cli | sha256sum
}

# What was appended to the file since the snapshot, behind what the snapshot has.
by_hand() {
  local began file snapshot size
  file=$(cd /var/lib/redis/appendonlydir && echo ./*.incr.aof)
  snapshot=$(zfs list -H -t snapshot -o name -d 1 tank/redis | sed 's/.*@//' | head -n 1)
  began=$(now)
  systemctl stop redis-server.service
  size=$(stat -c %s "/var/lib/redis/.zfs/snapshot/$snapshot/appendonlydir/$file")
  tail -c +$((size + 1)) "/var/lib/redis/appendonlydir/$file" >/srv/growth
  systemctl mask --runtime --quiet redis-server.service
  zfs set canmount=noauto tank/redis
  zfs unmount tank/redis
  zfs rollback "tank/redis@$snapshot"
  zfs set canmount=on tank/redis
  zfs mount tank/redis
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --allow-downgrades -o Dpkg::Options::=--force-confold \
    "/var/lib/backout/changes/$(change_id)"/installer/*.deb >/root/apt-by-hand 2>&1
  cat /srv/growth >>"/var/lib/redis/appendonlydir/$file"
  sync "/var/lib/redis/appendonlydir/$file"
  systemctl unmask --runtime --quiet redis-server.service
  systemctl start redis-server.service
  upgraded
  took=$(since "$began")
  rm /srv/growth
}

# A gigabyte would not fit twice into the guest's memory: a standby is a second server. Backup and restore: 7.0 reads no dump of 8.0.
bench Redis tank/redis 1500 'delta full switch' 100:1 300:1 300:100
product=Redis written=- megabytes=-
left_out 'backup and restore: 7.0 reads no file of 8.0 but the append-only file, and that is the way by hand'
left_out '1,000 MB: two servers with that do not fit into the memory of the guest'

echo "== from resume to its first action"
redis_site
: >/root/took
crash_at upgrade:started upgrade
begin=$(date +%s%N)
backout --took-log /root/took resume &
pid=$!
until [ -s /root/took ] && grep -q '"record":"started","step":"upgrade","attempt":2' /var/lib/backout/changes/*/journal; do sleep 0.01; done
# The time that the journal says: nothing here is as quick.
at=$(grep '"record":"started","step":"upgrade","attempt":2' /var/lib/backout/changes/*/journal | sed 's/.*"at":"\([^"]*\)".*/\1/')
probes=$(cat /root/took)
wait "$pid"
overhead 'from resume to its first action, beside the commands of its probes' "$((($(date -d "$at" +%s%N) - begin) / 1000000))" "$(awk '{ all += $1 } END { print int(all / 1000) }' <<<"$probes")" ms
