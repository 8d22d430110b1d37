# shellcheck shell=bash
# Power cuts. The guest's disk is served by nbdkit, which keeps what was not flushed in memory; when both are killed, that is lost, as in a drive's cache.
# Needs: say.sh, image.sh (IMAGE), vm.sh, case.sh.

# cut_boot FOLDER OUT DISK LIMIT [SECONDS]: boots the guest once, and takes the power away when the guest asks for it, or SECONDS (may have a
# fraction) after it said "the clock runs". Prints "cut POINT", "passed", "hung" (its case did not begin; the power is taken away, too) or "failed WHY".
cut_boot() {
  local folder=$1 out=$2 disk=$3 limit=$4 after=${5:-} socket nbd deadline point='' clock='' began=$SECONDS hung='' off=0
  local GUEST GUEST_SERVERS=()
  mkdir -p "$out"
  rm -rf "$out"/{result,console,case.img,result.img}
  mkdir "$out/result"
  : >"$out/console"
  socket=$(mktemp -d -t backout-vm-nbd.XXXXXX)
  TMPDIR=$out setpriv --pdeathsig KILL nbdkit -f -U "$socket/nbd" --filter=cache file "$disk" cache=writeback >"$out/nbdkit" 2>&1 &
  nbd=$!
  for _ in $(seq 100); do [ -S "$socket/nbd" ] && break; sleep 0.1; done
  machine_start "$out" "$folder" backout.case=cut "cut:$socket/nbd" || return 1
  deadline=$((SECONDS + limit))
  while kill -0 "$GUEST" 2>/dev/null; do
    point=$(tr -d '\r' <"$out/console" 2>/dev/null | sed -n 's/^cut me here: //p' | head -n 1)
    if [ -z "$point" ] && [ -n "$after" ]; then
      if [ -z "$clock" ] && grep -q 'the clock runs' "$out/console" 2>/dev/null; then clock=$(date +%s%N); fi
      if [ -n "$clock" ] && [ "$(($(date +%s%N) - clock))" -ge "$(awk -v s="$after" 'BEGIN { printf "%.0f", s * 1e9 }')" ]; then point="$after-s"; fi
    fi
    if [ $((SECONDS - began)) -ge "$BOOT_LIMIT" ] && ! vm_boots "$out/console"; then hung=yes; fi
    if [ -n "$point$hung" ] || [ "$SECONDS" -ge "$deadline" ]; then break; fi
    # Off, and its process does not leave: what was flushed is with nbdkit.
    if grep -q '^reboot: Power down' "$out/console" 2>/dev/null; then
      off=$((off + 1))
      [ "$off" -lt 100 ] || { vm_end && break; }
    fi
    sleep 0.05
  done
  # nbdkit first: what it holds must not reach the disk while the guest still runs.
  if kill -0 "$GUEST" 2>/dev/null; then
    kill -KILL "$nbd" "${GUEST_SERVERS[@]}" 2>/dev/null || true
    vm_end
    wait "$nbd" 2>/dev/null || true
    machine_servers_end
    machine_result "$out"
    rm -rf "$socket" "$out/result"
    if [ -n "$point" ]; then
      printf 'cut %s\n' "$point"
    elif [ -n "$hung" ]; then
      printf 'hung\n'
    else
      printf 'failed still running after %s s\n' "$limit"
    fi
    return 0
  fi
  # The guest ended by itself: nbdkit may flush.
  wait "$GUEST" 2>/dev/null || true
  machine_servers_end
  kill -TERM "$nbd" 2>/dev/null || true
  wait "$nbd" 2>/dev/null || true
  rm -rf "$socket"
  machine_result "$out"
  if [ "$(cat "$out/result/verdict" 2>/dev/null)" = "CASE cut PASS" ]; then printf 'passed\n'; else printf 'failed see %s/console\n' "$out"; fi
}

# run_cuts SCRIPT OUT FROM LIMIT: boots the guest from a copy of the disk FROM again and again, SCRIPT as its case, and cuts its power each time: at the
# points that the head of SCRIPT names (`cuts:`; `*:done` is each point that ends so, `all` each there is; --cuts instead of the head's), or at
# so many random instants (`random: COUNT SECONDS`, from SEED; half of them in the first quarter of the time, as what is left after a cut takes less): then the story begins again from FROM, with another number in /case/round,
# until there were so many, a quarter of them in each of the first four stories at most. When nothing is left to cut, the guest must pass. OUT/cuts gets a line a boot.
run_cuts() {
  local script=$1 out=$2 from=$3 limit=$4 only random count=0 seconds=0 seed=${SEED:-} said boot=0 cuts=0 round=1 after wrote found lossy=0 middle=0 story=0 name point hung=0
  name=$(basename "$script" .sh)
  only=$(header "$script" cuts)
  random=$(header "$script" random)
  # A case whose points are all its own reaches none of the tool's.
  if [ -n "${CUTS:-}" ] && [[ $only == *:* || $only == all ]]; then only=$CUTS; fi
  [ -z "$random" ] || read -r count seconds <<<"$random"
  [ -z "$random" ] || count=${RANDOM_CUTS:-$count}
  # The heads say how long a story takes under emulation; elsewhere a cut would come behind its end.
  [ "$MACHINE" = tcg ] || seconds=$((seconds / 4))
  seed=${seed:-$(od -An -N2 -tu2 /dev/urandom | tr -d ' ')}
  RANDOM=$seed
  [ -z "$random" ] || say "$name: random cuts from the seed $seed (--seed)"
  mkdir -p "$out"
  qemu-img convert -O raw "$from" "$out/disk.raw" || return 1
  : >"$out/cuts"
  : >"$out/fired"
  while :; do
    boot=$((boot + 1))
    [ "$boot" -le 400 ] || { echo "failed no end" >>"$out/cuts"; break; }
    case_folder "$script" "$out/folder"
    cp "$out/fired" "$out/folder/fired"
    echo "$round" >"$out/folder/round"
    after=''
    if [ -n "$random" ]; then
      # No points but these: a name that no point has.
      echo none >"$out/folder/only"
      [ "$cuts" -ge "$count" ] || [ "$story" -ge $(((count + 3) / 4)) ] || after=$(awk -v r="$RANDOM" -v s="$seconds" 'BEGIN { u = r / 32768; printf "%.2f", u * u * s }')
    elif [ "$only" != all ]; then
      tr ' ' '\n' <<<"$only" >"$out/folder/only"
    fi
    wrote=$(cat "$out/boot/console" 2>/dev/null | tr -d '\r' | sed -n 's/^unflushed: wrote //p' | tail -n 1)
    said=$(cut_boot "$out/folder" "$out/boot" "$out/disk.raw" "$limit" "$after") || said="failed to boot"
    printf '%s\n' "$said" >>"$out/cuts"
    found=$(tr -d '\r' <"$out/boot/console" | sed -n 's/^unflushed: found //p' | head -n 1)
    if [ -n "$wrote" ] && [ "$wrote" != "$found" ]; then lossy=$((lossy + 1)); fi
    if grep -q '^cut in the middle' "$out/boot/console"; then middle=$((middle + 1)); fi
    # The console of each boot, for whoever must find out.
    cat "$out/boot/console" >>"$out/console"
    case $said in
      'cut '*)
        cuts=$((cuts + 1)) story=$((story + 1))
        printf '%s\n' "${said#cut }" >>"$out/fired"
        ;;
      passed)
        [ "$cuts" -lt "$count" ] || break
        round=$((round + 1)) story=0
        rm -rf "$out/boot"
        qemu-img convert -O raw "$from" "$out/disk.raw" || return 1
        ;;
      hung)
        hung=$((hung + 1))
        say "$name: its case had not begun after $BOOT_LIMIT s: the guest is ended, and boots again (time $hung)"
        [ "$hung" -lt 3 ] || break
        ;;
      *) break ;;
    esac
  done
  rm -rf "$out/disk.raw" "$out/folder"
  say "$name: $cuts cuts, $lossy of them took unflushed writes, after $middle the procedure was under way; $(tail -n 1 "$out/cuts")"
  # A cut that takes nothing proves nothing.
  [ "$lossy" -gt 0 ] || { say "no cut took anything: the disk does not forget"; return 1; }
  [ "$middle" -gt 0 ] || { say "no cut came while the procedure was under way"; return 1; }
  # Every point that was named must have been reached.
  if [ -z "$random" ] && [ "$only" != all ]; then
    for point in $(tr '*' '%' <<<"$only"); do
      case $point in
        %*) grep -q -- "${point#%}\$" "$out/fired" ;;
        *) grep -qFx -- "$point" "$out/fired" ;;
      esac || { say "the point $point was not reached"; return 1; }
    done
  fi
  [ "$(tail -n 1 "$out/cuts")" = passed ] && [ "$cuts" -gt 0 ] || return 1
  mkdir -p "$out/result"
  # A case may know better what came of its cuts.
  if [ -s "$out/boot/result/faults" ]; then cp "$out/boot/result/faults" "$out/result/faults"; return 0; fi
  local where='at a checkpoint' note="$lossy took unflushed writes"
  [ -z "$random" ] || where='at a random instant' note="seed $seed; $note"
  printf 'power cut %s, %s\tresumed\t%s\t%s\n' "$where" "$(header "$script" story)" "$cuts" "$note" >>"$out/result/faults"
}
