# shellcheck shell=bash
# What a row of the matrix does in its guest. Needs: pool.sh, backout.sh, cut.sh, standby.sh, of the product PRODUCT.sh and story-PRODUCT.sh; for clusters, pair.sh,
# story-cluster.sh and story-cluster-PRODUCT.sh. Of a product it asks:
#   OLD NEW UNIT DATASETS        the versions, the unit that serves, all datasets of the pool, as `zfs list` prints them
#   UP DOWN                      what a person answers at an upgrade, at a downgrade
#   PRODUCT_version              what is installed
#   PRODUCT_same FILE            the server has what FILE says (of whatever keeps a record of its own: what the record says)
#   PRODUCT_rests PROCEDURE      returns when what it has started is through, and it can be compared
#   PRODUCT_write_on_new         what clients do on the new version; PRODUCT_dump_to FILE: all that it has, to be compared later
#   PRODUCT_begins               before the first kill
#   PRODUCT_meanwhile, PRODUCT_meanwhile_ends   what clients do while a downgrade is killed
#   PRODUCT_boots                at each boot, before it goes on
#   PRODUCT_cut_within           has the power fail at an instant that is no point of the tool
#   VARIANT_prepares COUNT       at the first boot, what makes the replay so long that a cut can come within
#   PRODUCT_numbers_made, PRODUCT_client, PRODUCT_numbers, PRODUCT_numbers_gone   what writes through a switch: see standby.sh
#   VARIANT_is_back              what else is true when the old version is back

# story PRODUCT[-VARIANT] STRATEGY FAULT [POINT...]
story() {
  PRODUCT=${1%%-*} VARIANT=${1//-/_} STRATEGY=$2
  local fault=$3
  shift 3
  "story_${fault//-/_}" "$@"
}

is_at() { "${PRODUCT}_version" | grep -F "$1"; }

# same OLD-OR-NEW PROCEDURE: the data is as it was before the upgrade (`old`), or as clients left it (`new`).
same() {
  "${PRODUCT}_rests" "$2"
  "${PRODUCT}_same" "/root/dump-$1"
}

no_snapshots() { [ -z "$(zfs list -H -t snapshot -o name -r tank)" ]; }

# Snapshots, clones and bookmarks are gone, too.
nothing_left() {
  zfs list -t all -r tank
  [ "$(zfs list -H -t all -o name -r tank)" = "$DATASETS" ]
}

# --- kills: a procedure after the other, each killed at every point, and resumed.

story_kills() {
  local procedures=() procedure
  "${PRODUCT}_begins"
  if [ "$STRATEGY" = abort ]; then
    kills_abort
    return
  fi
  IFS=+ read -ra procedures <<<"$STRATEGY"
  for procedure in "${procedures[@]}"; do killed "$procedure" new; done
  if [ "$procedure" != commit ]; then
    backout log
    fully_proved
    backout commit --yes
    no_snapshots
  fi
}

# killed PROCEDURE OLD-OR-NEW: what the data must be like then.
killed() {
  echo "== $1"
  case $1 in
    keep | in-place)
      "${PRODUCT}_meanwhile"
      kill_everywhere downgrade "${DOWN[@]}" "--$1"
      "${PRODUCT}_meanwhile_ends"
      is_at "$OLD"
      ;;
    undo)
      kill_everywhere undo
      is_at "$NEW"
      ;;
    standby)
      kill_everywhere standby start
      backout status | grep -F 'caught up'
      kill_everywhere standby stop
      nothing_of_a_standby
      ;;
    switch)
      rm -f /root/enough /root/acknowledged
      "${PRODUCT}_numbers_made"
      "${PRODUCT}_client" &
      # A guest is slow: its deadline is no part of this.
      kill_switch --deadline 5m
      touch /root/enough
      wait $!
      written "$PRODUCT"
      echo "$(wc -l </root/acknowledged) acknowledged writes"
      "${PRODUCT}_numbers_gone"
      nothing_of_a_standby
      is_at "$OLD"
      ;;
    upgrade)
      kill_everywhere upgrade "${UP[@]}"
      is_at "$NEW"
      ;;
    snapshot) kill_everywhere snapshot ;;
    commit)
      fully_proved
      kill_everywhere commit
      nothing_left
      ;;
    *) echo "no such procedure: $1" >&2 && return 1 ;;
  esac
  same "$2" "$1"
}

# given_up POINT VERSION OLD-OR-NEW VERB...: the procedure is killed at that point, its abort at every point; then that version has that data.
given_up() {
  local point=$1 version=$2 data=$3
  shift 3
  echo "== $1, given up after $point"
  crash_at "$point" "$@"
  kill_everywhere abort
  is_at "$version"
  same "$data" abort
}

# Each abort begins as late as it is allowed, so that it has the most to take back.
kills_abort() {
  killed snapshot old
  killed commit old
  # Before its packages.
  given_up snapshot:done "$OLD" old upgrade "${UP[@]}"
  nothing_left
  killed upgrade old
  "${PRODUCT}_write_on_new"
  "${PRODUCT}_dump_to" /root/dump-new
  # The old version has the data, and was not yet opened.
  given_up inventory-found:keys:done "$NEW" new downgrade "${DOWN[@]}" --keep
  # The data is unmounted, and nothing is rolled back.
  given_up unmount:done "$NEW" new downgrade "${DOWN[@]}" --in-place
  backout downgrade "${DOWN[@]}" --keep --yes
  is_at "$OLD"
  same new keep
  killed commit new
}

# --- cuts: one boot of many. It begins the procedure, or goes on with it.

story_cuts() {
  "${VARIANT}_prepares" 1000
  "${PRODUCT}_boots"
  "${PRODUCT}_cut_within" 1000
  if [ "$STRATEGY" = upgrade ]; then
    go_on upgraded upgrade "${UP[@]}"
    is_at "$NEW"
    same old upgrade
    backout downgrade "${DOWN[@]}" --keep --yes
    is_at "$OLD"
    same old keep
  elif [ "$STRATEGY" = switch ]; then
    goes_over --deadline 5m
    is_at "$OLD"
    nothing_of_a_standby
    same new switch
  else
    goes_back "$STRATEGY"
  fi
}

# goes_back keep|in-place|without-zfs
goes_back() {
  local kind=()
  [ "$1" = without-zfs ] || kind=("--$1")
  go_on "backed out" downgrade "${DOWN[@]}" "${kind[@]}"
  is_at "$OLD"
  "${VARIANT}_is_back"
  same new "$1"
}

# Each round is a story from the beginning: another kind of downgrade, and every other time two the state folder elsewhere.
story_random_cuts() {
  local round kinds=() kind
  round=$(cat /case/round)
  IFS=+ read -ra kinds <<<"$STRATEGY"
  kind=${kinds[(round - 1) % ${#kinds[@]}]}
  "${VARIANT}_prepares" 500
  [ $((round / 2 % 2)) = 1 ] || state_on_zfs
  "${PRODUCT}_boots"
  echo "round $round: $kind, state on $(findmnt -n -o FSTYPE -T /var/lib/backout)"
  goes_back "$kind"
}

story_writes() { "${PRODUCT}_cut_while_writing"; }
