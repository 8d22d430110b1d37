# shellcheck shell=bash
# What a guest does at each boot of a case whose power is cut: begin, or go on.
# Needs: backout.sh.

# unflushed: the proof that a cut takes something: the host compares the last number it saw with the one that the next boot finds.
unflushed() {
  echo "unflushed: found $(cat /root/unflushed 2>/dev/null || echo 0)" >/dev/console
  bash -c 'n=$(date +%s%N); while :; do n=$((n + 1)); echo $n >/root/unflushed; echo "unflushed: wrote $n" >/dev/console; sleep 0.2; done' &
  # shellcheck disable=SC2046
  trap 'kill $(jobs -p) 2>/dev/null' EXIT
}

# What is not flushed stays in memory for a minute: a cut takes more than with ZFS's own five seconds.
zfs_flushes_late() { echo 60 >/sys/module/zfs/parameters/zfs_txg_timeout; }

# state_on_zfs: moves the state folder onto a dataset of its own, unless it is there.
state_on_zfs() {
  ! zfs list state/backout >/dev/null 2>&1 || return 0
  pool_create state 512M 8
  dataset_create state/backout /var/lib/backout.new
  cp -a /var/lib/backout/. /var/lib/backout.new/
  mv /var/lib/backout /var/lib/backout.old
  zfs set mountpoint=/var/lib/backout state/backout
  zpool sync state
  sync
}

# long_replay COUNT: at the first boot, so many transactions more in MariaDB's table `ticks`, and as many in /root/dump-new.
long_replay() {
  [ ! -f /root/prepared ] || return 0
  mariadb_upgraded
  many_transactions ticks "$1"
  /case/guest/dump.sh >/root/dump-new
  zpool sync tank
  touch /root/prepared
  sync
}

# was_cut POINT: did the power fail there already?
was_cut() { grep -qFx -- "$1" /case/fired; }

# cut_here POINT: the host takes the power away.
cut_here() { printf '\ncut me here: %s\n' "$1" >/dev/console; }

# cut_when POINT COMMAND...: the power fails there, once, as soon as the command succeeds.
cut_when() {
  local point=$1
  shift
  was_cut "$point" || { until "$@" >/dev/null 2>&1; do sleep 0.2; done; cut_here "$point"; } &
}

# too_often STATUS OPTION...: the power failed again and again within one step, and the tool asks whether to go on; a halt for another reason stays one.
too_often() {
  [ "$1" = 6 ] && backout --json status | grep -qF '"why":"it was tried ' && backout "${@:2}" resume --try-again
}

# go_on STATE VERB...: begins the procedure, or resumes it when a cut left it unfinished, until `status` says STATE. Stands still at the point where the
# host cuts.
go_on() {
  local status=0 wanted=$1 cuts=(--cut-fired /case/fired)
  shift
  [ ! -f /case/only ] || cuts+=(--cut-only /case/only)
  backout status || status=$?
  unflushed
  echo "the clock runs" >/dev/console
  case $status in
    4 | 6)
      # S5: what a boot opened while the tool says that it is closed would take writes that nobody brings back.
      if backout status | grep -qF 'The service is closed to its clients.' && systemctl is-active --quiet "$UNIT"; then
        echo "status says closed, but $UNIT is active" >&2
        return 1
      fi
      # The proof that the cut before came while it was at work.
      echo "cut in the middle" >/dev/console
      backout "${cuts[@]}" resume || too_often $? "${cuts[@]}"
      ;;
    0)
      if ! backout --json status | grep -qF "\"state\":\"$wanted\""; then backout "${cuts[@]}" "$@" --yes; fi
      ;;
    *) echo "status ended with $status" >&2 && return 1 ;;
  esac
  backout --json status | grep -F "\"state\":\"$wanted\"" >/dev/null
}
