#!/bin/bash
# DESCRIPTION: a child dataset that goes back with the data (`with_data`), but is neither captured nor compared, is written to after the upgrade: a commit of the downgrade asks for it by name, and destroys it only then
# STRATEGY: a dataset for dumps before the upgrade, written to before and after; a kept downgrade; commit is refused and names it; its content is still there; named, it goes
# stage: redis-seeded
# uses: backout
# limit: 1200
set -euo pipefail
. /case/guest/pool.sh
. /case/guest/redis.sh
. /case/guest/backout.sh
zfs create -o mountpoint=/srv/dumps tank/redis/dumps
echo monday >/srv/dumps/monday
expect 3 backout upgrade --yes 2>&1 | tee /root/said
grep -F '[left-alone]' /root/said
redis_site 'with_data = ["tank/redis/dumps"]'
backout upgrade --yes
echo tuesday >/srv/dumps/tuesday
backout downgrade --yes
[ ! -e /srv/dumps/tuesday ]
fully_proved
expect 3 backout commit --yes 2>&1 | tee /root/said
grep -F 'tank/redis.upgraded/dumps' /root/said
grep -F -- '--accept tank/redis.upgraded/dumps' /root/said
# It is still there, to be saved.
zfs set mountpoint=/srv/saved tank/redis.upgraded/dumps
zfs mount tank/redis.upgraded/dumps
[ "$(cat /srv/saved/tuesday)" = tuesday ]
zfs unmount tank/redis.upgraded/dumps
backout commit --yes --accept tank/redis.upgraded/dumps
[ -z "$(zfs list -H -t snapshot -o name -r tank)" ]
[ "$(cat /srv/dumps/monday)" = monday ]
redis_version | grep -F 7.0
