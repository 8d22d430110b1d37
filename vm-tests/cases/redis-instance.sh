#!/bin/bash
# DESCRIPTION: one of several servers of Redis (redis-server@one) goes up and back, with the whole proof; the other one, which runs the same programs, is asked for by name and keeps its data
# STRATEGY: Debian's template unit and its instructions, on a dataset of its own; redis-server.service beside it; upgrade, keep, prove, undo, in place, with the dumps of both compared
# stage: redis-seeded
# uses: backout
# when: all
# limit: 900
set -euo pipefail
. /case/guest/pool.sh
. /case/guest/redis.sh
. /case/guest/backout.sh

echo "== the seeded server becomes redis-server@one; the usual one begins anew"
systemctl stop redis-server.service
zfs set mountpoint=/var/lib/redis-one tank/redis
cp /etc/redis/redis.conf /etc/redis/redis-one.conf
chown redis:redis /etc/redis/redis-one.conf
sed -i -e 's@^dir .*@dir /var/lib/redis-one@' -e 's@^dbfilename .*@dbfilename dump-one.rdb@' -e 's@^port .*@port 0@' \
  -e 's@^\(# \)\{0,1\}unixsocket .*@unixsocket /run/redis-one/redis-server.sock@' \
  -e 's@^logfile .*@logfile /var/log/redis/redis-server-one.log@' -e 's@^pidfile .*@pidfile /run/redis-one/redis-server.pid@' /etc/redis/redis-one.conf
mkdir -p /etc/systemd/system/redis-server@one.service.d
printf '[Service]\nReadWritePaths=/var/lib/redis-one\n' >/etc/systemd/system/redis-server@one.service.d/data.conf
mkdir -p /var/lib/redis
chown redis:redis /var/lib/redis
chmod 750 /var/lib/redis
systemctl daemon-reload
systemctl enable --quiet redis-server@one.service
systemctl start redis-server@one.service redis-server.service
usual() { env redis-cli "$@"; }
until usual ping | grep -q PONG; do sleep 1; done
usual set mine yes
# From here on the helpers ask the other one.
redis-cli() { env redis-cli -s /run/redis-one/redis-server.sock "$@"; }
until redis-cli ping | grep -q PONG; do sleep 1; done
same_redis /root/dump-old
printf '%s\n' 'unit = "redis-server@one.service"' 'config = "/etc/redis/redis-one.conf"' 'datadir = "/var/lib/redis-one"' >>/etc/backout/site.toml

echo "== the other one is asked for by name"
expect 3 backout upgrade --yes 2>&1 | tee /root/said
grep -F -- '--accept redis-server.service' /root/said
backout upgrade --yes --accept redis-server.service
redis_version | grep -F 8.0
same_redis /root/dump-old
redis_write_on_new
redis_dump >/root/dump-new
redis-cli info server | grep -F /etc/redis/redis-one.conf

echo "== back, forth, back"
backout downgrade --keep --yes
redis_version | grep -F 7.0
same_redis /root/dump-new
backout prove
backout undo --yes
redis_version | grep -F 8.0
same_redis /root/dump-new
redis-cli set since undo
redis_dump >/root/dump-new
backout downgrade --in-place --yes
redis_version | grep -F 7.0
same_redis /root/dump-new
[ "$(systemctl is-active redis-server@one.service)" = active ]
backout commit --yes
[ -z "$(zfs list -H -t snapshot -o name -r tank)" ]
# It was not stopped by us; whether it starts with what 8.0 wrote is what the yes was for.
cat /var/lib/redis/appendonlydir/* | grep -aF mine
