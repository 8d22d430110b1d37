#!/bin/bash
# DESCRIPTION: what the way back needs is damaged before the rollback: capture, packages, saved configurations, the list to compare with
# STRATEGY: a byte of each is changed, or the file is truncated or removed; the downgrade in place stops before the rollback and names it, and `abort` opens the upgraded data as it was; after the rollback nothing is concealed
# stage: redis-upgraded
# uses: backout
# faults: storage
# when: all
# limit: 3600
set -euo pipefail
. /case/guest/pool.sh
. /case/guest/redis.sh
. /case/guest/backout.sh
. /case/guest/full.sh
change=/var/lib/backout/changes/$(change_id)

a_file() { find "$change/$1" -type f -size +20c "${@:2}" | LC_ALL=C sort | tail -n 1; }
turn() { printf '\377' | dd of="$1" bs=1 seek=10 conv=notrunc status=none; }
round=0
# stops WORDS: the resume stops before the rollback, and the words name what is damaged.
stops() {
  local status=0
  backout resume >/run/said 2>&1 || status=$?
  sed 's/^/    | /' /run/said
  [ "$status" = 1 ] || [ "$status" = 6 ]
  grep -E "$1" /run/said >/dev/null
  grep -F 'backout abort' /run/said >/dev/null
  [ "$(zfs get -H -o value backout:rolledback tank/redis)" = - ]
}

# What, how, and where: before it is read back, and between that and the rollback.
while read -r what how point; do
  round=$((round + 1))
  crash_at "$point" downgrade --in-place
  file=$(a_file "$what")
  echo "-- $what, $how after $point: $file"
  cp -p "$file" /run/whole
  case $how in
    turn) turn "$file" ;;
    truncate) truncate -s -10 "$file" ;;
    remove) rm "$file" ;;
  esac
  name=$(basename "$file")
  stops "${name//+/.}"
  # The old packages and their configuration are of the upgrade: they cannot be had again.
  case $what in installer | config-previous) cp -p /run/whole "$file" ;; esac
  backout abort --yes >/run/said 2>&1 || { cat /run/said; exit 1; }
  redis_version | grep -F 8.0
  same_redis /root/dump-new
  fault "$what damaged before the rollback" halted
done <<'LIST'
capture turn verify:done
installer turn capture:done
installer remove verify:done
config-previous truncate capture:done
config-upgraded turn verify:done
inventory turn capture:done
inventory remove verify:done
LIST
[ "$round" = 7 ]

echo "== the list is damaged behind the rollback: a person answers for it"
crash_at restore:done downgrade --in-place
turn "$(a_file inventory -name '*.expected*')"
expect 6 backout resume >/run/said 2>&1
cat /run/said
grep -F 'is not as it was written' /run/said
expect 6 backout status
systemctl is-active redis-server.service && exit 1
backout resume --accept-differences
redis_version | grep -F 7.0
same_redis /root/dump-new
fault "list damaged behind the rollback" halted
