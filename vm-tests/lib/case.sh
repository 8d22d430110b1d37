# shellcheck shell=bash
# Cases and stages: what their headers say, the folder that a guest gets, and running them.
# Needs: say.sh, options.sh, deps.sh, image.sh, machine.sh, build.sh, vm.sh, cut.sh, pair.sh, package.sh, packages.sh; for cases by their names, matrix.sh.

VM_TESTS=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

# header FILE WORD: the rest of the line "# WORD: ..." in a case's head.
header() { sed -n "s/^# $2: *//p" "$1" | head -n 1; }

# case_file NAME: the path of its script: a file of cases/, or what a row of the matrix made; nothing may be there.
case_file() {
  local file=$VM_TESTS/cases/$1.sh
  [ -f "$file" ] || file=$MATRIX_CASES/$1.sh
  printf '%s\n' "$file"
}

# case_names [default|faults]: all cases; or those that are not marked `when: all`; or those that make faults (`faults: SECTION`). Those that take longest
# first, so that none is left over alone at the end: by what they took when they passed last, else by a tenth of their limits.
case_names() {
  local file name took
  for file in "$VM_TESTS"/cases/*.sh "$MATRIX_CASES"/*.sh; do
    [ "${1:-all}" != default ] || [ "$(header "$file" when)" != all ] || continue
    [ "${1:-all}" != faults ] || [ -n "$(header "$file" faults)" ] || continue
    name=$(basename "$file" .sh)
    took=$(cat "$(vm_cache)/took/$name" 2>/dev/null) || took=$(($(header "$file" limit) / 10))
    printf '%s %s\n' "$took" "$name"
  done | sort -k1,1nr -k2 | cut -d' ' -f2
}

# uses SCRIPT WORD: does its head say so ("# uses: backout messaging")?
uses() { [[ " $(header "$1" uses) " == *" $2 "* ]]; }

# uses_below SCRIPT WORD: does it, or a stage below it?
uses_below() {
  local stage
  uses "$1" "$2" && return 0
  stage=$(header "$1" stage)
  [ "${stage:-none}" != none ] && uses_below "$VM_TESTS/stages/$stage.sh" "$2"
}

# uses_tool SCRIPT: does it, or a stage below it, say "# uses: backout"?
uses_tool() {
  local stage
  [ -z "$(header "$1" uses)" ] || return 0
  stage=$(header "$1" stage)
  [ "${stage:-none}" != none ] && uses_tool "$VM_TESTS/stages/$stage.sh"
}

any_uses_tool() {
  local name
  for name in "$@"; do uses_tool "$(case_file "$name")" && return 0; done
  return 1
}

# build_tools DIR [CASE...]: the programs that guests get, put into DIR, so that nothing that is built later changes a case under way.
# The rescue binary, the conformance suite and the stand-in for Messaging Server are only built when a CASE uses them. Sets TOOLS.
build_tools() {
  TOOLS=$1
  shift
  local name
  mkdir -p "$TOOLS"
  fetch_crates || return 1
  local kind=debug how=()
  # All but the link-time optimization, which takes longest to build.
  [ -z "${OPTIMIZED:-}" ] || kind=release how=(--release --config 'profile.release.lto="off"')
  in_build_root cargo build --locked --quiet --features crash-points "${how[@]}" || return 1
  # Debug information is most of a debug build, and every guest gets a copy.
  strip --strip-debug -o "$TOOLS/backout" "$(build_target)/$kind/backout" || return 1
  for name in "$@"; do
    if uses "$(case_file "$name")" backout-static && [ ! -f "$TOOLS/backout-static" ]; then
      # The rescue binary: the zfs command alone, no shared library. In the same folder: what runs while it is built is there already.
      in_build_root env RUSTFLAGS=-Ctarget-feature=+crt-static \
        cargo build --locked --quiet --no-default-features --features crash-points --target x86_64-unknown-linux-gnu || return 1
      strip --strip-debug -o "$TOOLS/backout-static" "$(build_target)/x86_64-unknown-linux-gnu/debug/backout" || return 1
    fi
    if uses "$(case_file "$name")" backout-package && [ ! -d "$TOOLS/packages" ]; then
      PACKAGE_PROFILE=dev build_deb "$TOOLS/packages" && PACKAGE_PROFILE=dev build_rescue "$TOOLS/packages" || return 1
    fi
    if uses_below "$(case_file "$name")" messaging && [ ! -f "$TOOLS/messaging_server" ]; then
      in_build_root cargo build --locked --quiet --features crash-points --example messaging_server || return 1
      strip --strip-debug -o "$TOOLS/messaging_server" "$(build_target)/debug/examples/messaging_server" || return 1
    fi
    if uses "$(case_file "$name")" documents && [ ! -f "$TOOLS/documents.tsv" ]; then
      in_build_root cargo run --locked --quiet --features crash-points --example documents -- commands >"$TOOLS/documents.tsv" || return 1
    fi
    uses "$(case_file "$name")" zfs_conformance || continue
    in_build_root cargo test --locked --quiet --no-run --features crash-points --test zfs_conformance || return 1
    strip --strip-debug -o "$TOOLS/zfs_conformance" \
      "$(find "$(build_target)/debug/deps" -name 'zfs_conformance-*' -type f -perm -u+x -printf '%T@ %p\n' | sort -n | tail -n 1 | cut -d' ' -f2)" || return 1
  done
}

# case_folder SCRIPT DIR: everything that the guest sees under /case; SCRIPT becomes its /case/run.
case_folder() {
  local script=$1 dir=${2:?a folder} packages
  rm -rf "$dir"
  mkdir -p "$dir/bin"
  cp "$script" "$dir/run"
  cp -r "$VM_TESTS/guest" "$VM_TESTS/by-hand" "$dir/"
  [ ! -d "$REPO/playbooks" ] || cp -r "$REPO/playbooks" "$dir/playbooks"
  [ -z "${TOOLS:-}" ] || cp "$TOOLS/backout" "$dir/bin/"
  ! uses "$script" backout-static || cp "$TOOLS/backout-static" "$dir/bin/"
  ! uses "$script" backout-package || cp -r "$TOOLS/packages" "$dir/built"
  ! uses "$script" zfs_conformance || cp "$TOOLS/zfs_conformance" "$dir/bin/"
  ! uses "$script" documents || cp "$TOOLS/documents.tsv" "$dir/"
  # Not in PATH, and not below bin/: a stage that does not use the tool stays good when only the tool changes.
  ! uses "$script" messaging || install -D -t "$dir/messaging" "$TOOLS/messaging_server"
  packages=$(header "$script" packages)
  [ -n "$packages" ] || return 0
  # shellcheck disable=SC2086  # words
  packages=$(packages_folder $packages) || return 1
  cp -r "$packages" "$dir/packages"
}

# only_needed FOLDER: of guest/, what `run` names, and what that names: a stage stays good when something else changes.
only_needed() {
  local folder=$1 file found more='run'
  found=" run "
  while [ -n "$more" ]; do
    # shellcheck disable=SC2086
    more=$(cd "$folder" && { grep -oh '/case/guest/[a-z-]*\.[a-z]*' $more || true; } | sed 's|/case/||' | sort -u | while read -r file; do
      [[ "$found" == *" $file "* ]] || printf '%s\n' "$file"
    done)
    found+="$(tr '\n' ' ' <<<"$more") "
  done
  for file in "$folder"/guest/*; do
    [[ "$found" == *" guest/$(basename "$file") "* ]] || rm -f "$file"
  done
}

# stage_disk STAGE OUT: prints the disk of a stage, and makes it when it is not in the cache.
# A stage is a case that leaves its guest behind for others to start from; it may itself start from a stage.
stage_disk() {
  local stage=$1 out=$2 script=$VM_TESTS/stages/$1.sh disk from=$IMAGE/base.qcow2 below key folder
  [ -f "$script" ] || die "no such stage: $stage"
  below=$(header "$script" stage)
  [ "${below:-none}" = none ] || from=$(stage_disk "$below" "$out")
  mkdir -p "$out"
  # Two cases may ask at once: a folder each, one disk.
  folder=$(mktemp -d "$out/stage-$stage.XXXXXX") || return 1
  case_folder "$script" "$folder" || return 1
  only_needed "$folder"
  # A stage that does not use the tool stays good when only the tool changes.
  uses "$script" backout || rm -rf "${folder:?}"/{bin,playbooks}
  key=$(cd "$folder" && { printf '%s\n' "$from"; find . -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum; } | sha256sum | cut -c1-16)
  mkdir -p "$(vm_cache)/stages"
  disk=$(vm_cache)/stages/$stage-$key.qcow2
  (
    flock -w 3600 9
    [ -f "$disk" ] && exit 0
    # It failed for another case of this run: its console is worth more than a second try.
    [ ! -d "$out/stage-$stage" ] || exit 1
    say "making the stage '$stage'"
    vm_run --name "$stage" --folder "$folder" --out "$out/stage-$stage" --from "$from" \
      --limit "$(header "$script" limit)" --keep-disk "$disk.new" || exit 1
    mv "$disk.new" "$disk"
  ) 9>"$(vm_cache)/stages/$stage.lock" || {
    say "the stage '$stage' failed: see $out/stage-$stage"
    return 1
  }
  rm -rf "$folder"
  printf '%s\n' "$disk"
}

# run_case NAME OUT: runs one case; OUT/NAME/outcome gets "PASS|FAIL SECONDS". With MERGE what came of its faults goes into FAULTS.md at once: a run that is
# cut off has not run for nothing.
run_case() {
  local name=$1 out=$2/$1 script stage from=$IMAGE/base.qcow2 began=$SECONDS outcome=FAIL limit cpus
  mkdir -p "$out" || return 1
  script=$(case_file "$name")
  stage=$(header "$script" stage)
  limit=$(header "$script" limit)
  cpus=$(header "$script" cpus)
  # With one processor nothing runs beside the thread of ZFS that changes a pool.
  local CPUS=${cpus:-$CPUS} MACHINE=$MACHINE IMAGE=$IMAGE
  if [ "$MACHINE" = uml ] && [ "${cpus:-1}" -gt 1 ]; then
    say "$name needs $cpus processors, and a User-Mode Linux has one: it runs on tcg"
    machine_tcg
    from=$IMAGE/base.qcow2
  fi
  machine_about >"$out/machine"
  if [ "${stage:-none}" = none ] || from=$(stage_disk "$stage" "$2"); then
    began=$SECONDS
    case_folder "$script" "$out/folder" || die "$name: its folder could not be made"
    [ -z "$SAMPLE" ] || printf '%s\n' "$SAMPLE" >"$out/folder/sample"
    if [ -n "$(header "$script" cuts)$(header "$script" random)" ]; then
      if run_cuts "$script" "$out" "$from" "${limit:-600}"; then outcome=PASS; fi
    elif [ -n "$(header "$script" pair)" ]; then
      if run_pair "$name" "$out" "$from" "${limit:-600}"; then outcome=PASS; fi
    elif vm_run --name "$name" --folder "$out/folder" --out "$out" --from "$from" --limit "${limit:-600}" --size "$(header "$script" disk)"; then outcome=PASS; fi
  fi
  rm -rf "$out/folder"
  printf '%s %s\n' "$outcome" "$((SECONDS - began))" >"$out/outcome"
  if [ "$outcome" = PASS ]; then
    mkdir -p "$(vm_cache)/took"
    printf '%s\n' "$((SECONDS - began))" >"$(vm_cache)/took/$name"
  fi
  if [ -n "$MERGE" ] && ! faults_merge "$VM_TESTS/FAULTS.md" "$(date +%F)" "$2" "$name"; then
    outcome=FAIL
    printf 'FAIL %s\n' "$((SECONDS - began))" >"$out/outcome"
  fi
  say "$outcome  $name  $((SECONDS - began)) s"
}
