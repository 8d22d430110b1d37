#!/bin/bash
# What lib/faults.sh makes of runs that are made up here. Needs no guest.
# shellcheck disable=SC2016  # the backticks are Markdown's
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
for part in say options deps case matrix faults; do
  # shellcheck source=/dev/null
  . "$here/$part.sh"
done
real=$VM_TESTS
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
VM_TESTS=$work MATRIX_CASES=$work/rows
mkdir "$work/cases" "$work/rows"
OLD='tcg, Linux 6.1, OpenZFS 2.1.11' NEW='uml, Linux 7.2.12, OpenZFS 2.4.3'

a_case() { printf '#!/bin/bash\n# faults: %s\n' "$2" >"$work/cases/$1.sh"; } # NAME SECTION
# ran OUT NAME PASS|FAIL MACHINE [ROW...]: what the harness and the case leave behind; a row is FAULT/OUTCOME/COUNT[/NOTE].
ran() {
  local out=$work/$1 name=$2 row
  mkdir -p "$out/$name/result"
  printf '%s 7\n' "$3" >"$out/$name/outcome"
  [ -z "$4" ] || printf '%s\n' "$4" >"$out/$name/machine"
  shift 4
  for row in "$@"; do tr / '\t' <<<"$row"; done >"$out/$name/result/faults"
}
merge() { faults_merge "$work/FAULTS.md" "$@" || wrong "it cannot be merged"; } # DATE OUT CASE...
wrong() {
  printf 'wrong, line %s: %s\n' "${BASH_LINENO[-2]}" "$*" >&2
  cat "$work/FAULTS.md" >&2
  exit 1
}
has() { grep -qxF -- "$1" "$work/FAULTS.md" || wrong "this line is missing: $1"; }
lacks() { ! grep -qF -- "$1" "$work/FAULTS.md" || wrong "this is there: $1"; }
unchanged() { cmp "$1" "$work/FAULTS.md" || wrong "it is not as it was"; }
prose() { sed '/^<!-- .* -->$/,/^<!-- end -->$/d' "$1"; }

cat >"$work/FAULTS.md" <<'MD'
# Faults

<!-- totals -->
typed by hand: 1000000 tried
<!-- end -->

| a table | of prose |
|---|---|
|  kept   | as it is|

<!-- rows: killed -->
<!-- end -->
trailing blanks   
<!-- rows: power -->
| fault | case | machine | tried | resumed | halted, nothing lost | lost | seen |
|---|---|---|---|---|---|---|---|
| of two cases | `one`, `other` (once) | tcg, Linux 6.1, OpenZFS 2.1.11 | 5 | 5 | 0 | 0 | 2026-01-02 |
| seen only | `third` | tcg, Linux 6.1, OpenZFS 2.1.11 | - | - | - | 0 | 2026-01-02 |
<!-- end -->
the end, without a newline
MD
truncate -s -1 "$work/FAULTS.md"
cp "$work/FAULTS.md" "$work/first"
chmod 664 "$work/FAULTS.md"

# A file without a run: its tables are put in order, the rows and the prose stay.
merge 2026-02-01 "$work/none"
has '| of two cases | `one`, `other` (once) | tcg, Linux 6.1, OpenZFS 2.1.11 | 5 | 5 | 0 | 0 | 2026-01-02 |'
has '- tcg, OpenZFS 2.1.11: 5 tried, 5 resumed, 0 halted with nothing lost, 0 lost; rows seen to pass, not counted: 1'
lacks 'typed by hand'
cmp <(prose "$work/first") <(prose "$work/FAULTS.md") || wrong "the prose is another"
[ "$(stat -c %a "$work/FAULTS.md")" = 664 ] || wrong "its mode is another"

# Rows of one fault are one row; what a name has of Markdown's does not break the table; merged twice it is the same file.
a_case kills killed
a_case cut power
a_case quiet killed
ran a kills PASS "$OLD" 'at a point of downgrade/resumed/10' 'at a point of downgrade/resumed/5' 'asked a|b/halted/1/x|y' 'asked a|b/resumed/2/x|y'
ran a cut PASS "$NEW" 'power cut at a random instant/resumed/7/seed 25991; 3 took (some) writes'
ran a quiet PASS "$OLD"
merge 2026-02-02 "$work/a" kills cut quiet
has '| at a point of downgrade | `kills` | tcg, Linux 6.1, OpenZFS 2.1.11 | 15 | 15 | 0 | 0 | 2026-02-02 |'
has '| asked a\|b | `kills` (x\|y) | tcg, Linux 6.1, OpenZFS 2.1.11 | 3 | 2 | 1 | 0 | 2026-02-02 |'
has '| power cut at a random instant | `cut` (seed 25991; 3 took (some) writes) | uml, Linux 7.2.12, OpenZFS 2.4.3 | 7 | 7 | 0 | 0 | 2026-02-02 |'
has '- tcg, OpenZFS 2.1.11: 23 tried, 22 resumed, 1 halted with nothing lost, 0 lost; rows seen to pass, not counted: 1'
has '- uml, OpenZFS 2.4.3: 7 tried, 7 resumed, 0 halted with nothing lost, 0 lost'
cp "$work/FAULTS.md" "$work/merged"
merge 2026-02-02 "$work/a" kills cut quiet
unchanged "$work/merged"
merge 2026-02-02 "$work/a" cut
unchanged "$work/merged"

# A case that failed: what was seen stays, and its row is there once, until it passes on that machine.
ran b kills FAIL "$OLD" 'at a point of downgrade/resumed/3'
merge 2026-02-03 "$work/b" kills
merge 2026-02-04 "$work/b" kills
has '| the case failed | `kills` | tcg, Linux 6.1, OpenZFS 2.1.11 | 1 | 0 | 0 | 1 | 2026-02-04 |'
lacks '2026-02-03'
has '| at a point of downgrade | `kills` | tcg, Linux 6.1, OpenZFS 2.1.11 | 15 | 15 | 0 | 0 | 2026-02-02 |'
has '- tcg, OpenZFS 2.1.11: 24 tried, 22 resumed, 1 halted with nothing lost, 1 lost; rows seen to pass, not counted: 1'
ran c kills PASS "$NEW" 'at a point of downgrade/resumed/20'
merge 2026-02-05 "$work/c" kills
has '| the case failed | `kills` | tcg, Linux 6.1, OpenZFS 2.1.11 | 1 | 0 | 0 | 1 | 2026-02-04 |'
has '| at a point of downgrade | `kills` | uml, Linux 7.2.12, OpenZFS 2.4.3 | 20 | 20 | 0 | 0 | 2026-02-05 |'

# It passes, on another kernel of the same machine: all its rows there are replaced, also one that it no longer makes.
ran d kills PASS 'tcg, Linux 6.1.9, OpenZFS 2.1.11' 'at a point of downgrade/resumed/16'
merge 2026-02-06 "$work/d" kills
lacks 'the case failed'
lacks 'asked a'
lacks '| 15 | 15 |'
has '| at a point of downgrade | `kills` | tcg, Linux 6.1.9, OpenZFS 2.1.11 | 16 | 16 | 0 | 0 | 2026-02-06 |'
has '| at a point of downgrade | `kills` | uml, Linux 7.2.12, OpenZFS 2.4.3 | 20 | 20 | 0 | 0 | 2026-02-05 |'

# A row of two cases goes when one of them is seen alone; another version of OpenZFS is another machine; so is KVM.
a_case other power
ran e other PASS 'tcg, Linux 6.1, OpenZFS 2.1.1' 'x/resumed/1'
merge 2026-02-07 "$work/e" other
ran e other PASS 'kvm, Linux 6.1, OpenZFS 2.1.11' 'x/resumed/1'
merge 2026-02-07 "$work/e" other
has '| of two cases | `one`, `other` (once) | tcg, Linux 6.1, OpenZFS 2.1.11 | 5 | 5 | 0 | 0 | 2026-01-02 |'
ran e other PASS "$OLD" 'x/resumed/2'
merge 2026-02-07 "$work/e" other
lacks 'of two cases'

# A guest that never came up: the machine is not known, and any pass of the case ends that.
ran f cut FAIL ''
merge 2026-02-08 "$work/f" cut
has '| the case failed | `cut` | unknown | 1 | 0 | 0 | 1 | 2026-02-08 |'
has '- unknown: 1 tried, 0 resumed, 0 halted with nothing lost, 1 lost'
merge 2026-02-09 "$work/a" cut
lacks 'unknown'

# The sections are as in the file; within one the cases, then the faults, then the machines are sorted.
[ "$(sed -n 's/^| \([^|]*\) | `\([a-z]*\)`.* | \([a-z]*\),.*/\2 \1 \3/p' "$work/FAULTS.md" | sed -n '1,6p')" = "kills at a point of downgrade tcg
kills at a point of downgrade uml
cut power cut at a random instant uml
other x kvm
other x tcg
other x tcg" ] || wrong "the order is another"
cmp <(prose "$work/first") <(prose "$work/FAULTS.md") || wrong "the prose is another"
[ "$(tail -c 1 "$work/FAULTS.md")" = e ] || wrong "a newline more at its end"

# What cannot be merged leaves the file alone.
cp "$work/FAULTS.md" "$work/merged"
refuses() { # DATE OUT CASE...
  ! faults_merge "$work/FAULTS.md" "$@" 2>/dev/null || wrong "it is merged"
  unchanged "$work/merged"
}
a_case lost nowhere
ran g lost PASS "$OLD" 'x/resumed/1'
refuses 2026-02-10 "$work/g" lost kills
ran g kills PASS "$OLD" 'x/resumd/1'
refuses 2026-02-10 "$work/g" kills
sed '$!N; s/^<!-- end -->\n\(the end.*\)/\1/; P; D' "$work/merged" >"$work/FAULTS.md"
cp "$work/FAULTS.md" "$work/merged"
refuses 2026-02-10 "$work/d" kills

# The real one: each case has its section, and its tables and sums are what its rows make of them.
VM_TESTS=$real
matrix_cases
trap 'rm -rf "$work" "$MATRIX_CASES"' EXIT
for name in $(case_names faults); do
  section=$(header "$(case_file "$name")" faults)
  faults_sections "$VM_TESTS/FAULTS.md" | grep -xF -- "$section" >/dev/null || { echo "$name: FAULTS.md has no section '$section'" >&2; exit 1; }
done
cp "$VM_TESTS/FAULTS.md" "$work/FAULTS.md"
faults_merge "$work/FAULTS.md" 2026-02-11 "$work/none"
diff "$VM_TESTS/FAULTS.md" "$work/FAULTS.md"
