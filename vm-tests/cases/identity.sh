#!/bin/bash
# DESCRIPTION: other servers of the same name are told apart, a socket that starts the service is closed with it, and a unit that cannot be masked is refused
# STRATEGY: another unit and one in a PID namespace of its own run through a kept downgrade; one by hand is refused; a socket unit; a unit file in /etc/systemd/system
# stage: redis-upgraded
# uses: backout
# limit: 1200
set -euo pipefail
. /case/guest/pool.sh
. /case/guest/redis.sh
. /case/guest/backout.sh

echo "== another unit, and one in a container"
mkdir -p /srv/redis-2 /srv/redis-3
systemd-run --quiet --unit=redis-two redis-server --port 6402 --dir /srv/redis-2 --save ''
systemd-run --quiet --unit=some-container unshare --pid --fork redis-server --port 6403 --dir /srv/redis-3 --save ''
for port in 6402 6403; do
  timeout 20 bash -c "until redis-cli -p $port ping; do sleep 0.2; done"
  redis-cli -p "$port" set mine yes
done
backout check | tee /root/said
grep -F 'redis-two.service' /root/said
grep -F 'a container' /root/said

echo "== one by hand, in a session: refused"
mkdir -p /srv/redis-4 /sys/fs/cgroup/hand
redis-server --port 6404 --dir /srv/redis-4 --save '' --daemonize yes --pidfile /run/redis-4.pid
timeout 20 bash -c 'until redis-cli -p 6404 ping; do sleep 0.2; done'
hand=$(cat /run/redis-4.pid)
echo "$hand" >/sys/fs/cgroup/hand/cgroup.procs
refuses other-server downgrade
kill "$hand"
timeout 20 bash -c "while [ -d /proc/$hand ]; do sleep 0.2; done"

echo "== a unit file in /etc/systemd/system: refused, and the remedy helps"
cp "$(systemctl show -P FragmentPath redis-server.service)" /etc/systemd/system/redis-server.service
systemctl daemon-reload
refuses unit-file downgrade
rm /etc/systemd/system/redis-server.service
systemctl daemon-reload

echo "== a socket that starts the service"
cat >/etc/systemd/system/wake-redis.socket <<'UNIT'
[Socket]
ListenStream=127.0.0.1:6399
Service=redis-server.service
UNIT
systemctl daemon-reload
# systemd does not start the socket of a service that runs.
systemctl stop redis-server.service
systemctl start wake-redis.socket
systemctl start redis-server.service
systemctl show -P TriggeredBy redis-server.service | grep -F wake-redis.socket
crash_at stop:done downgrade --keep
[ "$(systemctl is-active wake-redis.socket)" = inactive ]
if redis-cli -p 6399 ping; then exit 1; fi
backout resume
[ "$(systemctl is-active wake-redis.socket)" = active ]
redis_version | grep -F 7.0
same_redis /root/dump-new
redis-cli -p 6402 get mine | grep -Fx yes
redis-cli -p 6403 get mine | grep -Fx yes
