# shellcheck shell=bash
# What the cases bench-PRODUCT share: how long clients are shut out by each way back, in one guest.
# Needs: pool.sh, backout.sh, and of the product's case the functions
#   grow MB        so much data, on the previous version, apart from its log of changes
#   site           the site file
#   upgraded       waits for what the upgrade left running
#   delta MB       so much is written and changed
#   content        what there is, in few lines: a dump of a gigabyte takes longer than all that is measured
#   by_hand        the way back without backout and without a proof; sets $took. The upgraded data is gone afterwards
# and, if it has them, dump_and_load (sets $took; the upgraded version serves again afterwards).

# row WAY SECONDS: for the size and the delta of now.
row() { printf '%s\t%s\t%s\t%s\t%s\n' "$product" "$megabytes" "$written" "$1" "$2" | tee -a /result/bench; }

# overhead WHAT MEASURED REFERENCE UNIT: two numbers of one run.
overhead() { printf 'overhead\t-\t-\t%s\t%s %s %s\n' "$@" | tee -a /result/bench; }

# left_out WHAT...: said below the product's table.
left_out() { printf '%s\t-\t-\tnote\t%s\n' "$product" "$*" | tee -a /result/bench; }

now() { cut -d' ' -f1 /proc/uptime; }

# since SECONDS: of uptime.
since() { awk -v since="$1" '{ printf "%.1f\n", $1 - since }' /proc/uptime; }

# windows: how long clients were shut out, each time, in seconds: the last lines are of the newest procedure.
windows() {
  local from until
  backout --json report | grep -o '"from":"[^"]*","until":"[^"]*"' | sed 's/"from":"//; s/","until":"/ /; s/"$//' | while read -r from until; do
    printf '%s %s\n' "$(date -d "$from" +%s.%N)" "$(date -d "$until" +%s.%N)"
  done | awk '{ printf "%.1f\n", $2 - $1 }'
}

same_content() { content | diff /root/content -; }

# noted NAME VERB...: runs a procedure, and compares the time of all of it with that of its commands.
noted() {
  local name=$1 begin
  shift
  : >/root/took
  begin=$(date +%s%N)
  backout --took-log /root/took "$@" --yes
  begin=$((($(date +%s%N) - begin) / 1000000))
  overhead "$name of $product, $megabytes MB and $written MB since, beside its $(wc -l </root/took) commands alone" "$begin" "$(awk '{ all += $1 } END { print int(all / 1000) }' /root/took)" ms
  backout report >"/result/report-$megabytes-$written-${name// /-}"
}

undone() {
  backout undo --yes
  upgraded
  same_content
}

# way NAME OPTION...: a kept downgrade and its undo.
way() {
  local name=$1
  shift
  noted "$name" downgrade --keep --without-standby --no-prove "$@"
  row "$name" "$(windows | tail -n 1)"
  same_content
  undone
}

# switched: a standby takes over. Clients are shut out twice: for the switch, and where the packages are taken over.
switched() {
  local begin
  begin=$(now)
  backout standby start --yes
  left_out "$megabytes MB, $written MB written since: a standby starts and catches up in $(since "$begin") s, while the service serves"
  noted 'switch to a standby' downgrade --deadline 5m --no-prove
  row 'switch to a standby' "$(windows | tail -n 2 | head -n 1)"
  row 'and back to its packages' "$(windows | tail -n 1)"
  same_content
  undone
}

# forgotten DATASET: the next size begins with the previous version and without a change.
forgotten() {
  rm -rf /var/lib/backout/changes
  zfs list -H -t snapshot -o name -r tank | grep "^$1" | while read -r snapshot; do
    zfs holds -H "$snapshot" | cut -f2 | while read -r tag; do zfs release "$tag" "$snapshot"; done
  done
  # What undos left aside are clones of these snapshots.
  zfs list -H -o name -d 1 tank | grep "^$1\." | while read -r aside; do zfs destroy -r "$aside"; done
  zfs list -H -t snapshot -o name -d 1 "$1" | while read -r snapshot; do zfs destroy "$snapshot"; done
}

# bench PRODUCT DATASET SECONDS WAYS MB:MB...: all of it, for each size of the data with so much written since; none is begun after so many seconds.
# WAYS: of `full delta switch`, those that the product has. The data only grows: smaller sizes come first.
bench() {
  local product=$1 dataset=$2 budget=$3 ways=" $4 " pair megabytes written took='' most=0
  shift 4
  # The disk is larger than its file system (`disk:` in the head of the case).
  resize2fs "$(findmnt -n -o SOURCE /)"
  truncate -s 12G /srv/pools/7-tank.img
  losetup -c /dev/loop7
  zpool online -e tank /dev/loop7
  : >/result/bench
  for pair in "$@"; do
    megabytes=${pair%:*} written=${pair#*:}
    if [ "$SECONDS" -gt "$budget" ]; then
      left_out "$megabytes MB, $written MB written since: left out, as no time was left"
      continue
    fi
    [ "$megabytes" -ge "$most" ] || { echo "$megabytes MB cannot follow $most MB: the data only grows"; return 1; }
    most=$megabytes
    grow "$megabytes"
    site
    noted 'upgrade' upgrade
    upgraded
    delta "$written"
    content | tee /root/content
    # What is written to the disk now is not the downgrade's work.
    sync
    zpool sync tank
    [[ $ways != *' full '* ]] || way 'downgrade, full proof' --proof full
    [[ $ways != *' delta '* ]] || way 'downgrade, delta proof'
    if [[ $ways == *' switch '* ]]; then switched; fi
    if declare -F dump_and_load >/dev/null; then
      dump_and_load
      row 'backup and restore' "$took"
    fi
    by_hand
    row 'by hand' "$took"
    same_content
    forgotten "$dataset"
  done
  cat /result/bench
}
