# shellcheck shell=bash
# The tool in the guest: a site file for MariaDB on tank/mysql, and what the cases ask of it.
# Needs: pool.sh, mariadb.sh.
. /case/guest/product.sh
export PATH=/case/bin:$PATH

# site_file [LINE...]: /etc/backout/site.toml, with more lines of its own. Nothing begins by itself that a case does not look at.
site_file() { site_written mariadb tank/mysql 11.8 'full_proof = "later"' "$@"; }

# The id of the newest change.
change_id() { find /var/lib/backout/changes -mindepth 1 -maxdepth 1 -printf '%f\n' | sort | tail -n 1; }

# expect STATUS CMD...: the command must end with this exit status.
expect() {
  local wanted=$1 status=0
  shift
  "$@" || status=$?
  [ "$status" = "$wanted" ] || { echo "exit status $status, expected $wanted: $*" >&2; return 1; }
}

# fault NAME resumed|halted [COUNT [NOTE]]: a fault was made so many times, and each time this came of it: the procedure went through to its end, or it
# stopped with nothing lost. What differs from run to run, a seed for example, belongs into the NOTE: the NAME stays. A case that fails says nothing here.
# The rows of all cases make the table of `vm-tests/test --faults`, and those of FAULTS.md.
fault() { printf '%s\t%s\t%s\t%s\n' "$1" "$2" "${3:-1}" "${4:-}" >>/result/faults; }

# same_dump FILE: the database holds what FILE says.
same_dump() { same_as "$1" /case/guest/dump.sh; }

# kill_everywhere VERB...: the tool kills itself at every point it reaches for the first time (of a sample: at one of so many); resumed until it is through.
kill_everywhere() {
  local status=0 kills=0 every=1 points=(--crash-log /root/crash-points)
  if [ -f /case/sample ]; then
    points+=(--crash-sample "$(cat /case/sample)")
    read -r every _ </case/sample
  fi
  : >/root/crash-points
  backout "${points[@]}" "$@" --yes || status=$?
  while [ "$status" = 137 ]; do
    kills=$((kills + 1))
    [ "$kills" -lt 300 ] || { echo "no end" >&2; return 1; }
    # Killed after the last record there is nothing to resume.
    [ "$(tail -n 1 /root/crash-points)" != finished ] || break
    expect_one_of 0 4 backout status >/dev/null
    status=0
    backout "${points[@]}" resume || status=$?
  done
  echo "killed $kills times: $(tr '\n' ' ' </root/crash-points)"
  [ "$status" = 0 ] || [ "$(tail -n 1 /root/crash-points)" = finished ]
  # A step that cannot be killed is a test that cannot fail.
  [ "$kills" -gt $((5 / every)) ]
  fault "kill -9 at a point of $1" resumed "$kills"
}

# expect_one_of A B CMD...: the command must end with one of two statuses.
expect_one_of() {
  local a=$1 b=$2 status=0
  shift 2
  "$@" || status=$?
  [ "$status" = "$a" ] || [ "$status" = "$b" ] || { echo "exit status $status, expected $a or $b: $*" >&2; return 1; }
}

# fully_proved: what a delta proof left out is compared, if there is something.
fully_proved() {
  expect_one_of 0 4 backout status >/root/status-now
  if grep -F 'backout prove' /root/status-now >/dev/null; then backout prove; fi
}

# no_clones UNIT: nothing is left of a full proof or a repair, whose server this is.
no_clones() {
  [ -z "$(zfs list -H -o name -r tank | grep -F .proof || true)" ]
  if grep -F /run/backout-proof /proc/mounts; then return 1; fi
  if systemctl is-active "$1"; then return 1; fi
}

# crash_at POINT VERB...: runs the verb and has it killed at this point alone.
crash_at() {
  local point=$1 status=0
  shift
  backout --crash-at "$point" "$@" --yes || status=$?
  [ "$status" = 137 ] || { echo "it was not killed at $point: exit status $status" >&2; return 1; }
}

# crash_at_resume POINT: the same for a resume.
crash_at_resume() {
  local status=0
  backout --crash-at "$1" resume || status=$?
  [ "$status" = 137 ] || { echo "it was not killed at $1: exit status $status" >&2; return 1; }
}

# stop_at STEP SIGNAL VERB...: sends the signal when the step has begun, and waits for the end.
stop_at() {
  local step=$1 signal=$2 status=0 pid id
  shift 2
  backout "$@" --yes &
  pid=$!
  for _ in $(seq 1 1200); do
    id=$(change_id)
    grep -F "\"record\":\"started\",\"step\":\"$step\"" "/var/lib/backout/changes/$id/journal" >/dev/null && break
    sleep 0.1
  done
  kill -"$signal" "$pid"
  wait "$pid" || status=$?
  echo "ended with $status after $signal"
  [ "$status" = 4 ]
}

# What must not change when something is refused: the pools with the identity and the holds of everything on them, packages, units.
world() {
  zpool list -H -o name
  zfs list -H -t all -o name,guid,mounted,canmount,readonly
  zfs list -H -t snapshot -o name | xargs --no-run-if-empty -d '\n' zfs holds -H
  dpkg-query -W
  # A product that is not installed has no state; that is part of the picture.
  systemctl is-active mariadb.service redis-server.service || true
  systemctl is-enabled mariadb.service redis-server.service 2>&1 || true
}

# refuses CHECK ARGS...: `backout ARGS --yes` must end with 3, name the check, and leave the world as it is ($before).
refuses() {
  local check=$1 status=0 now
  shift
  now=$(world)
  backout "$@" --yes >/root/said 2>&1 || status=$?
  cat /root/said
  [ "$status" = 3 ] || { echo "exit status $status, expected 3 (check $check)" >&2; return 1; }
  grep -F "[$check]" /root/said >/dev/null || { echo "check $check is not named" >&2; return 1; }
  [ "$(world)" = "$now" ] || { echo "something changed" >&2; return 1; }
}
