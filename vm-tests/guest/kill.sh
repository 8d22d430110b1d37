# shellcheck shell=bash
# The tool is killed from outside, within its steps: alone, so that what it has started lives on, or together with all of that.
# Needs: backout.sh.

declare -A made=()

# kill_seed: the moments are random; the seed is printed, and /case/guest/seed repeats it. Sets SEED.
kill_seed() {
  SEED=$(cat /case/guest/seed 2>/dev/null || od -An -N2 -tu2 /dev/urandom | tr -d ' ')
  RANDOM=$SEED
  touch /var/log/dpkg.log
  echo "random moments from seed $SEED"
  watcher &
  # shellcheck disable=SC2064
  trap "kill $! 2>/dev/null || true" EXIT
}

# watcher: where a run stands still, what there is of it is shown before the case's limit ends all.
watcher() {
  while sleep 20 >/dev/null 2>&1; do
    ! pgrep -x backout >/dev/null || [ -z "$(find /root/killed -mmin +5 2>/dev/null)" ] || { stuck "nothing was said for five minutes"; touch /root/killed; }
  done
}

# between A B: a random number.
between() { echo $(($1 + RANDOM % ($2 - $1 + 1))); }

# marked: what runs for a change, as the mark in its environment tells.
marked() { grep -lsz '^BACKOUT_CHANGE=' /proc/[0-9]*/environ | cut -d/ -f3 || true; }

# begun STEP: how often the newest change began it.
begun() {
  local count
  count=$(grep -cF "\"record\":\"started\",\"step\":\"$1\"" "/var/lib/backout/changes/$(change_id 2>/dev/null)/journal" 2>/dev/null) || true
  echo "${count:-0}"
}

# stuck WHAT: says so, and what there is of the tool.
stuck() {
  echo "no end in sight: $1" >&2
  tail -n 20 /root/killed >&2
  ps -eo pid,ppid,sid,stat,wchan:20,etimes,args --forest | grep -v ' \[' >&2
  for pid in $(marked); do echo "of the change: $pid $(tr '\0' ' ' <"/proc/$pid/cmdline")" >&2; done
}

# works_for_us NAME: is a program of this name at work for a change?
works_for_us() {
  local pid comm
  for pid in $(marked); do
    { read -r comm <"/proc/$pid/comm"; } 2>/dev/null || continue
    [ "$comm" != "$1" ] || return 0
  done
  return 1
}

# in_program PID: does it wait for a channel program (zfs-program(8)) that it has given to ZFS?
in_program() { grep -qsF zcp_eval /proc/"$1"/task/*/stack; }

# How many snapshots of that name, up to what differs, ZFS has destroyed since the last reboot. It says so at once, even from within a program, which lets
# nobody list them before it has ended.
destroyed() { grep -cF " destroy $1" /proc/spl/kstat/zfs/dbgmsg || true; }

# await PID BEGUN LINES STEP [child NAME] [dpkg LINES] [unpacks PACKAGE] [program yes] [destroys NAME MORE] [within MS]: until the run has begun the step (`any`: at once), a
# program of that name is at work, dpkg has logged so many lines more, or that it puts this package's files in place, or ZFS runs its channel program, or has
# destroyed so many snapshots more, and then a random while. Fails when the run ends before.
await() {
  local pid=$1 before=$2 lines=$3 step=$4 child='' dpkg=0 unpacks='' program='' destroys='' gone=0 within=0 began=$SECONDS
  shift 4
  while [ $# -gt 0 ]; do
    case $1 in
      child) child=$2 ;;
      dpkg) dpkg=$2 ;;
      unpacks) unpacks=$2 ;;
      program) program=$2 ;;
      destroys) destroys=$2 gone=$(($(destroyed "$2") + $3)) && shift ;;
      within) within=$2 ;;
    esac
    shift 2
  done
  while :; do
    kill -0 "$pid" 2>/dev/null || return 1
    [ $((SECONDS - began)) -lt 900 ] || { stuck "the moment does not come"; return 1; }
    if { [ "$step" = any ] || [ "$(begun "$step")" -gt "$before" ]; } \
      && { [ -z "$unpacks" ] || tail -n "+$((lines + 1))" /var/log/dpkg.log | grep -q " status half-installed $unpacks:"; } \
      && { [ "$dpkg" = 0 ] || [ "$(wc -l </var/log/dpkg.log)" -ge $((lines + dpkg)) ]; } \
      && { [ -z "$program" ] || in_program "$pid"; } \
      && { [ -z "$destroys" ] || [ "$(destroyed "$destroys")" -ge "$gone" ]; } \
      && { [ -z "$child" ] || works_for_us "$child"; }; then break; fi
    sleep 0.02
  done
  [ "$within" = 0 ] || sleep "$(awk -v ms="$(between 0 "$within")" 'BEGIN { print ms / 1000 }')"
  kill -0 "$pid" 2>/dev/null
}

# strike WHO SIGNALS PID: `alone`: the process; `all`: with everything that it has started, whatever session that is in by now, its server without clients too.
strike() {
  local who=$1 signals=$2 pid=$3 signal pids
  for signal in $signals; do
    if [ "$who" = alone ]; then
      kill "-$signal" "$pid" 2>/dev/null || true
    else
      # Standing still it starts nothing new in between.
      kill -STOP "$pid" 2>/dev/null || true
      pids=$(marked; pgrep -s "$pid" || true)
      # shellcheck disable=SC2086
      kill "-$signal" $pids 2>/dev/null || true
      kill -CONT "$pid" 2>/dev/null || true
      # Not `backout-*`: the case is such a unit.
      if [ "$signal" = KILL ]; then systemctl kill -s KILL backout-redis.service backout-mariadb.service 2>/dev/null || true; fi
    fi
    [ "$signals" = "$signal" ] || sleep 0.5
  done
}

# kill_within WHO SIGNALS MOMENT VERB...: runs the verb in a session of its own and strikes at the moment. Fails when the run is through before.
kill_within() {
  local who=$1 signals=$2 moment=$3 status=0 pid before=0 step left began
  shift 3
  step=${moment%% *}
  [ "$1" = upgrade ] || [ "$step" = any ] || before=$(begun "$step")
  setsid backout "$@" >/root/killed 2>&1 &
  pid=$!
  # shellcheck disable=SC2086
  if ! await "$pid" "$before" "$(wc -l </var/log/dpkg.log)" $moment; then
    wait "$pid" || status=$?
    cat /root/killed
    echo "it ended with $status before the moment came: $moment" >&2
    [ "$step" = any ] && [ "$status" = 0 ] && return 9
    return 1
  fi
  strike "$who" "$signals" "$pid"
  wait "$pid" || status=$?
  left=$(marked | wc -l)
  if [ "$who" = all ] && [ "$signals" = KILL ]; then
    began=$SECONDS
    while [ -n "$(marked)" ]; do
      [ $((SECONDS - began)) -lt 60 ] || { stuck "what was killed is still there"; return 1; }
      marked | xargs -r kill -KILL 2>/dev/null || true
    done
  fi
  echo "$signals, $who, at: $moment: exit status $status, $left processes of it left; the last lines:"
  tail -n 3 /root/killed
  case $signals-$who in
    KILL-*) [ "$status" = 137 ] ;;
    # The command that dies with it may be told first.
    *-all) [ "$status" = 4 ] || [ "$status" = 1 ] ;;
    *) [ "$status" = 4 ] ;;
  esac || { echo "exit status $status, $left processes left" >&2; cat /root/killed; return 1; }
  expect_one_of 0 4 backout status >/dev/null || return 1
  local what="SIG${signals/ / and SIG} within a step, the tool $who"
  [ "$who" = alone ] || what="SIG${signals/ / and SIG} within a step, the tool and all it started"
  # A kill counts once, under one of two names.
  [ "$left" = 0 ] || what+=", outlived by a command"
  made[$what]=$((${made[$what]:-0} + 1))
}

# goal VERB: the state that `status` names when the verb is through.
goal() {
  case $1 in
    downgrade) echo 'backed out' ;;
    commit) echo closed ;;
    *) echo upgraded ;;
  esac
}

# way_on VERB...: what is to be typed now: nothing when the verb is through, `resume` when it is under way, otherwise the verb again.
way_on() {
  local status=0
  backout status >/dev/null || status=$?
  if [ "$status" = 4 ]; then echo resume; elif ! backout --json status | grep -qF "\"state\":\"$(goal "$1")\""; then echo "$*"; fi
}

# kill_along WHO SIGNALS VERB... -- MOMENT...: the verb is killed at the first moment, the resume at the next one, and so on; the last resume goes through.
kill_along() {
  local who=$1 signals=$2 verb=() words moment status
  shift 2
  while [ "$1" != -- ]; do verb+=("$1"); shift; done
  shift
  words=${verb[*]}
  for moment in "$@"; do
    status=0
    # shellcheck disable=SC2086
    kill_within "$who" "$signals" "$moment" $words || status=$?
    # 9: it was through before a random instant came.
    [ "$status" = 0 ] || [ "$status" = 9 ]
    words=$(way_on "${verb[@]}")
    [ -n "$words" ] || return 0
  done
  # shellcheck disable=SC2086
  backout $words
  [ -z "$(way_on "${verb[@]}")" ]
  [ -z "$(marked)" ]
}

# proved: what was made since the last call went through to its end; says so for the table.
proved() {
  local name
  for name in "${!made[@]}"; do
    echo "$name: ${made[$name]} times"
    fault "$name" resumed "${made[$name]}" "seed $SEED"
  done
  made=()
}
