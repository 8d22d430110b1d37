#!/bin/bash
# DESCRIPTION: commands that never end, children that outlive them, a stop that hangs, package scripts that start the service, a capture that fails silently, a restore that ends half-way
# STRATEGY: a playbook with commands that can be made to fail in each way, with short limits; after each fault the next run succeeds, or abort opens the upgraded data as it was; dumps compared
# stage: redis-seeded
# uses: backout
# faults: service
# when: all
# limit: 5400
set -euo pipefail
. /case/guest/pool.sh
. /case/guest/redis.sh
. /case/guest/backout.sh
redis_playbook_with_hooks
backout upgrade --yes
redis_version | grep -F 8.0
redis_write_on_new
redis_dump >/root/dump-new

back_up_there() {
  backout abort --yes
  redis_version | grep -F 8.0
  systemctl is-active redis-server.service
  same_redis /root/dump-new
}

# never_ends NAME STEP VERB...: the hook hangs; its limit ends it with its child.
never_ends() {
  local name=$1 step=$2
  shift 2
  hook "$name" hang
  expect 1 backout "$@" 2>&1 | tee /root/said
  grep -F "step \`$step\` failed" /root/said
  grep -F 'was ended after its time limit' /root/said
  stray_ended
}

echo "== a stop that hangs"
# With +, as the unit's own sandbox starts nothing but the server.
mkdir -p /etc/systemd/system/redis-server.service.d
printf '%s\n' '[Service]' 'ExecStop=' 'ExecStop=+/bin/sleep infinity' 'TimeoutStopSec=infinity' >/etc/systemd/system/redis-server.service.d/hang.conf
systemctl daemon-reload
systemctl show -p ExecStop,TimeoutStopUSec,SendSIGKILL redis-server.service
for way in abort resume; do
  began=$SECONDS
  expect 1 backout downgrade --keep --yes 2>&1 | tee /root/said
  [ "$((SECONDS - began))" -lt 150 ]
  grep -F 'redis-server.service does not stop' /root/said
  grep -F 'was ended after its time limit of 20s' /root/said
  expect 4 backout status
  [ "$(zfs list -H -o name -r tank)" = "$(printf 'tank\ntank/redis\ntank/redis.reserve')" ]
  systemctl kill --signal=KILL redis-server.service
  if [ "$way" = abort ]; then
    back_up_there
    fault "stop that hangs, then abort" halted
  fi
done
rm -r /etc/systemd/system/redis-server.service.d
systemctl daemon-reload
fault "stop that hangs, then resume" resumed

echo "== commands that never end, one after the other"
never_ends inventory inventory:keys resume
fault "inventory that never ends" resumed
never_ends capture capture resume
fault "capture that never ends" resumed
never_ends package reinstall resume
fault "package command that never ends" resumed
never_ends restore restore resume
fault "restore that never ends" resumed
echo "== a restore that ends half-way, and a command that leaves a child behind"
hook restore half
# It fails after it has put the growth into its place: the next one finds it there, whole.
expect 1 backout resume 2>&1 | tee /root/said
grep -F 'the restore failed' /root/said
hook inventory stray
backout resume | tee /root/said
grep -F 'left something running, which was ended: bash (pid ' /root/said
stray_ended
redis_version | grep -F 7.0
same_redis /root/dump-new
fault "restore that ends half-way" resumed
fault "command that leaves a child behind" resumed
backout undo --yes
same_redis /root/dump-new

echo "== the tool is killed while a command hangs; nobody looks after its children"
hook capture deaf
backout downgrade --keep --yes &
tool=$!
until [ -s /root/stray ]; do sleep 0.2; done
sleep 1
# The limit of the command is 15 s: it is killed before.
kill -KILL "$tool"
wait "$tool" || true
[ -e "/proc/$(cat /root/stray)" ]
backout resume | tee /root/said
grep -F 'ended a command of an earlier run: ' /root/said
stray_ended
redis_version | grep -F 7.0
same_redis /root/dump-new
fault "kill -9 of the tool while a command hangs" resumed
backout undo --yes
same_redis /root/dump-new

echo "== asked to stop while a command hangs that does not listen"
hook capture deaf
backout downgrade --keep --yes &
tool=$!
until [ -s /root/stray ]; do sleep 0.2; done
kill -TERM "$tool"
status=0
wait "$tool" || status=$?
[ "$status" = 4 ]
stray_ended
fault "SIGTERM while a deaf command hangs" halted
back_up_there

echo "== package scripts start the service, its unit and past it"
cat >/root/starter <<'STARTER'
#!/bin/bash
systemctl start redis-server.service && echo started >>/root/started
setsid env -i /usr/bin/redis-server --port 7777 --dir /var/lib/redis --dbfilename starter.rdb </dev/null >/dev/null 2>&1 &
sleep 2
redis-cli -p 7777 ping >>/root/answered
exit 0
STARTER
chmod 755 /root/starter
echo 'DPkg::Post-Invoke { "/root/starter"; };' >/etc/apt/apt.conf.d/99starter
backout downgrade --keep --yes | tee /root/said
grep -F PONG /root/answered
[ ! -e /root/started ]
grep -F 'left something running, which was ended: redis-server' /root/said
redis_version | grep -F 7.0
same_redis /root/dump-new
fault "package script starts the server" resumed
rm /etc/apt/apt.conf.d/99starter
backout undo --yes
same_redis /root/dump-new
echo "== the same by a unit of its own, which no package command may end"
cat >/root/starter <<'STARTER'
#!/bin/bash
systemd-run --quiet --unit=starter --uid=redis /usr/bin/redis-server --port 7777 --dir /var/lib/redis --dbfilename starter.rdb
sleep 2
exit 0
STARTER
echo 'DPkg::Post-Invoke { "/root/starter"; };' >/etc/apt/apt.conf.d/99starter
expect 1 backout downgrade --keep --yes 2>&1 | tee /root/said
grep -F redis-server /root/said
rm /etc/apt/apt.conf.d/99starter
systemctl stop starter.service
rm -f /var/lib/redis/starter.rdb
backout resume
redis_version | grep -F 7.0
same_redis /root/dump-new
fault "package script starts a unit of its own" resumed
backout undo --yes
same_redis /root/dump-new

echo "== a capture that complains and exits with 0"
hook capture complain
expect 1 backout downgrade --keep --yes 2>&1 | tee /root/said
grep -F 'ERROR: no space for the capture' /root/said
fault "capture that complains, exit status 0" halted
back_up_there
echo "== a capture that lacks its end, and says so in words that nobody looks for"
hook capture short
# With the proof of what was written alone, the capture runs once more before the opening: whole.
expect 6 backout downgrade --keep --proof full --yes 2>&1 | tee /root/said
grep -F 'missing in keys' /root/said
expect 6 backout status
fault "capture that lacks its end, exit status 0" halted
back_up_there
