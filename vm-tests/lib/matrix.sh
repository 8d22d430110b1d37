# shellcheck shell=bash
# The cases that are rows of the table `matrix`: a script of each, with a head as the files of cases/ have it.
# Needs: say.sh.

# What a reader calls them, and how each proves that nothing was lost.
declare -A MATRIX_PRODUCT=(
  [redis]='Redis'
  [mariadb]='MariaDB'
  [mariadb-set-global]='MariaDB told by SET GLOBAL'
  [messaging]='Messaging Server (stand-in)'
  [postgresql]='PostgreSQL'
)
declare -A MATRIX_PROOF=(
  [redis]='the dump must be the same in the end, where an INCR that was replayed twice would show'
  [mariadb]='the dump must be the same in the end'
  [postgresql]='the dump must be the same in the end'
  [mariadb-set-global]='neither the old nor the new configuration flushes the binary log; the dump must be the same in the end'
  [messaging]='in the end the record of what the servers acknowledged against queue and store'
)
declare -A MATRIX_CLUSTER=([mariadb]='Pacemaker' [messaging]='Solaris Cluster (stand-in)')
declare -A MATRIX_STRATEGY=(
  [keep]='a downgrade that keeps the upgraded state'
  [in-place]='a downgrade in place'
  [keep+in-place]='a downgrade, kept and in place'
  [undo]='an undo'
  [commit]='a commit'
  [standby]='the start and the stop of a standby'
  [switch]='a switch to a standby'
  [upgrade]='an upgrade'
  [without-zfs]='a downgrade without ZFS that restores a backup of everything'
  [abort]='a snapshot, an upgrade, what gives an upgrade or a downgrade up, and a commit'
  [each-node]='up and down again, node by node; out of order is refused'
  [side-by-side]='both installations on the shared pool; up side by side and down by the link; the other node has no part'
)
# The same in a row of the table of faults.
declare -A MATRIX_STORY=(
  [keep]='downgrade kept' [in-place]='downgrade in place' [keep+in-place]='downgrade kept and in place' [upgrade]='upgrade' [without-zfs]='downgrade without ZFS'
  [switch]='standby and switch'
)

# matrix_cases: a script of each row, in a new folder, MATRIX_CASES, which is the caller's to remove.
matrix_cases() {
  local name product strategy fault stage when limit points
  MATRIX_CASES=$(mktemp -d -t backout-vm-matrix.XXXXXX)
  while IFS='|' read -r name product strategy fault stage when limit points; do
    if [ -e "$VM_TESTS/cases/$name.sh" ] || [ -e "$MATRIX_CASES/$name.sh" ]; then die "matrix: there are two cases $name"; fi
    [ -n "${MATRIX_PRODUCT[$product]:-}" ] || die "matrix: $name: no such product: $product"
    [ -f "$VM_TESTS/stages/$stage.sh" ] || die "matrix: $name: no such stage: $stage"
    [[ $limit =~ ^[0-9]+$ ]] || die "matrix: $name: no limit: $limit"
    matrix_case "$name" "$product" "$strategy" "$fault" "$stage" "$when" "$limit" "$points" >"$MATRIX_CASES/$name.sh"
  done < <(sed -e '/^#/d; /^ *$/d; s/ *| */|/g; s/ *$//' "$VM_TESTS/matrix")
}

# matrix_words NAME STRATEGY: sets WORDS, the strategy in plain words.
matrix_words() {
  local parts=() part
  WORDS=${MATRIX_STRATEGY[$2]:-}
  [ -z "$WORDS" ] || return 0
  IFS=+ read -ra parts <<<"$2"
  for part in "${parts[@]}"; do WORDS+="${WORDS:+, }${MATRIX_STRATEGY[$part]:?matrix: $1: no such strategy: $part}"; done
  WORDS="${WORDS%, *} and ${WORDS##*, }"
}

# matrix_case NAME PRODUCT STRATEGY FAULT STAGE WHEN LIMIT POINTS: prints the script.
matrix_case() {
  local name=$1 product=$2 strategy=$3 fault=$4 stage=$5 when=$6 limit=$7 points=$8 described how section=power extra=() sources=() WORDS
  local base=${product%%-*} title=${MATRIX_PRODUCT[$product]} disk='a disk that forgets what was not flushed'
  matrix_words "$name" "$strategy"
  # What is lost in a cut of MariaDB's is more than with ZFS's own five seconds.
  [ "$base" != mariadb ] || disk+=', and a ZFS that flushes late'
  case $fault in
    kills)
      section=killed
      described="$title: $WORDS: killed (SIGKILL) at every point, and resumed each time"
      how='the tool kills itself at each point that it reaches for the first time; resumed until it is through'
      ;;
    cuts)
      described="$title: the power fails at $([ "$points" != '*:done' ] && echo points || echo 'every checkpoint') of $WORDS"
      [[ " $points " != *' within-restore '* ]] || described+=', within the restore, too'
      described+=', and what was not flushed is lost; then it is resumed'
      how="$disk; cut at each point named, one boot after the other"
      extra=("cuts: $points" "story: $title, ${MATRIX_STORY[$strategy]:?matrix: $name: nothing to cut}")
      ;;
    random-cuts)
      described="$title: the power fails at random instants of $WORDS, the state folder on ext4 and on a dataset of its own"
      how="$disk; cut so many seconds after the start of a run, one story after the other; --seed repeats a run, --random-cuts says how many"
      extra=("random: $points" "story: $title, ${MATRIX_STORY[$strategy]:?matrix: $name: nothing to cut}")
      ;;
    writes)
      described="$title: the power fails while clients write on the upgraded version: with a flushed log all comes back, without it the proof halts and abort loses nothing"
      how="$disk; what clients were told is counted in the tables and in the log after each boot"
      extra=("cuts: $points")
      ;;
    cluster)
      section=killed
      described="$title under ${MATRIX_CLUSTER[$product]:?matrix: $name: no cluster} on two nodes: $WORDS"
      how='the tool is killed on the way; the cluster stays out of it, whatever happens meanwhile, and serves on either node after each way'
      extra=('pair: yes')
      ;;
    *) die "matrix: $name: no such fault: $fault" ;;
  esac
  [ -z "$when" ] || extra+=("when: $when")
  printf '#!/bin/bash\n# DESCRIPTION: %s\n# STRATEGY: %s; %s\n' "$described" "$how" "${MATRIX_PROOF[$product]}"
  printf '# %s\n' "stage: $stage" "uses: backout$([ "$base" != messaging ] || echo ' messaging')" "${extra[@]}" "faults: $section" "limit: $limit"
  sources=(pool "$base" backout cut standby story "story-$base")
  [ "$fault" != cluster ] || sources+=(pair story-cluster "story-cluster-$base")
  printf 'set -euo pipefail\n'
  printf '. /case/guest/%s.sh\n' "${sources[@]}"
  printf 'story %s %s %s%s\n' "$product" "$strategy" "$fault" "$([ "$fault" != cluster ] || printf ' %s' "$points")"
}
