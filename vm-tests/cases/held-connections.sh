#!/bin/bash
# DESCRIPTION: clients reach Redis through a socket of systemd: while it goes up, down, is killed in between and goes back, nobody is refused, and new connections wait
# STRATEGY: a client connects anew for each number that it writes, all the time; refused connections are counted, with and without [hold]; what was acknowledged is there
# stage: redis-seeded
# uses: backout
# when: all
# limit: 1500
set -euo pipefail
. /case/guest/pool.sh
. /case/guest/redis.sh
. /case/guest/backout.sh

cat >/etc/systemd/system/front.socket <<'UNIT'
[Socket]
ListenStream=127.0.0.1:6400
Backlog=4096
[Install]
WantedBy=sockets.target
UNIT
cat >/etc/systemd/system/front.service <<'UNIT'
[Unit]
Requires=front.socket
After=front.socket
[Service]
ExecStartPre=/bin/sh -c 'while [ -e /run/front.hold ]; do sleep 0.1; done'
ExecStart=/lib/systemd/systemd-socket-proxyd 127.0.0.1:6379
TimeoutStartSec=10min
UNIT
systemctl daemon-reload
systemctl enable --now front.socket
[ "$(redis-cli -p 6400 ping)" = PONG ]

# client: a connection for each number. What was acknowledged stands in /root/acknowledged with the time, refusals in /root/refused.
client() {
  local n=0 reply
  trap '' PIPE
  while [ ! -e /root/enough ]; do
    n=$((n + 1))
    if ! exec 9<>/dev/tcp/127.0.0.1/6400; then
      echo "$n" >>/root/refused
      sleep 0.05
      continue
    fi 2>/dev/null
    printf 'RPUSH written %s\r\n' "$n" >&9 || true
    if IFS= read -r -t 600 -u 9 reply && [ "${reply:0:1}" = : ]; then echo "$n $EPOCHREALTIME" >>/root/acknowledged; else echo "$n" >>/root/cut; fi
    exec 9>&-
    sleep 0.02
  done 2>/dev/null
}

# watched VERB...: nobody is refused meanwhile, and at most one connection is cut by each stop.
watched() {
  : >/root/refused
  : >/root/cut
  : >/root/acknowledged
  backout "$@" --yes
  sleep 2
  echo "$*: $(wc -l </root/refused) refused, $(wc -l </root/cut) cut; the longest time without a reply: $(gap)"
}
gap() { awk 'NR > 1 && $2 - last > most { most = $2 - last } { last = $2 } END { printf "%.1f s\n", most }' /root/acknowledged; }

redis_site
cat >>/etc/backout/site.toml <<'TOML'
[hold]
start = { argv = ["sh", "-c", "touch /run/front.hold && systemctl stop front.service"] }
stop = { argv = ["rm", "-f", "/run/front.hold"] }
held = { argv = ["test", "-e", "/run/front.hold"] }
TOML
backout check
client &
client=$!
trap 'touch /root/enough; kill $client' EXIT
sleep 2
echo "== upgrade"
backout plan upgrade | grep -F 'hold connections of clients'
watched upgrade
[ ! -s /root/refused ]
[ ! -e /run/front.hold ]
echo "== a downgrade that is killed while the service is closed"
crash_at restore:started downgrade --keep
[ -e /run/front.hold ]
expect 4 backout status | tee /root/said
grep -F 'may be held' /root/said
: >/root/refused
backout resume
sleep 2
[ ! -s /root/refused ]
[ ! -e /run/front.hold ]
redis_version | grep -F 7.0
echo "== undo, and a switch"
watched undo
[ ! -s /root/refused ]
backout standby start --yes
watched downgrade --deadline 5m
[ ! -s /root/refused ]
echo "== without it they are refused, or cut: the client can tell"
sed -i '/^\[hold\]/,$d' /etc/backout/site.toml
backout playbook replace --with-site --yes
watched undo
[ -s /root/refused ] || [ -s /root/cut ]
touch /root/enough
wait "$client"
trap - EXIT
# What was acknowledged while 7.0 served is left behind by an undo; what came after it is there.
tail -n 20 /root/acknowledged | cut -d' ' -f1 | sort >/root/told
redis-cli LRANGE written 0 -1 | sort >/root/found
comm -23 /root/told /root/found | tee /root/missing
[ ! -s /root/missing ]
