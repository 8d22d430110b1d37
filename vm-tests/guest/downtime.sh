# shellcheck shell=bash
# How long clients are shut out: of backout's newest downgrade, and of the same steps by hand.
# Needs: mariadb.sh, backout.sh, and /root/gtid-before.

# shut_out: seconds between the stop of the upgraded server and the start of the previous one, of the newest run.
shut_out() {
  backout log | awk '
    / stop: started$/ { cmd = "date -d \"" $1 " " $2 " " $3 "\" +%s"; cmd | getline stop; close(cmd) }
    / start: done$/ { cmd = "date -d \"" $1 " " $2 " " $3 "\" +%s"; cmd | getline start; close(cmd) }
    END { print start - stop }'
}

# downgrade_by_hand [DUMP]: takes what backout saved for the change, and goes the plain script's way; /root/by-hand has what it said.
downgrade_by_hand() {
  local change
  change=/var/lib/backout/changes/$(change_id)
  export SAVED=/var/backups/by-hand SNAPSHOT
  SNAPSHOT=$(zfs list -H -t snapshot -o name -d 1 tank/mysql | sed 's/.*@//' | head -n 1)
  mkdir -p "$SAVED/deb" "$SAVED/binlog"
  cp "$change"/installer/*.deb "$SAVED/deb/"
  cp /root/gtid-before "$SAVED/gtid-before"
  tar -C "$change/config-previous" -cf "$SAVED/etc-mysql.tar" etc/mysql
  bash /case/by-hand/mariadb-downgrade.sh after | tee /root/by-hand
  [ -z "${1:-}" ] || same_dump "$1"
}
