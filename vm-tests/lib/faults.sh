# shellcheck shell=bash
# What came of the faults: the table at the end of a run, and the tables of FAULTS.md, into which whole runs are merged.
# Needs: say.sh, case.sh (header, VM_TESTS).

# fault_rows OUT CASE...: what the cases say of their faults, a line each: CASE, FAULT, resumed|halted|lost, COUNT, NOTE; of a case that failed nothing is
# known but that.
fault_rows() {
  local out=$1 name
  shift
  for name in "$@"; do
    if [ "$(cut -d' ' -f1 "$out/$name/outcome" 2>/dev/null)" = PASS ]; then
      [ ! -f "$out/$name/result/faults" ] || awk -F'\t' -v OFS='\t' -v name="$name" '{ print name, $1, $2, $3, $4 }' "$out/$name/result/faults"
    elif [ -n "$(header "$(case_file "$name")" faults)" ]; then
      printf '%s\tthe case failed\tlost\t1\t\n' "$name"
    fi
  done
}

# fault_table OUT CASE...: the table of one run, a row a fault.
fault_table() {
  fault_rows "$@" | awk -F'\t' '
    { fault = $2 == "the case failed" ? "case " $1 " failed" : $2 }
    !(fault in seen) { seen[fault] = 1; names[++n] = fault }
    { count[fault, $3] += $4; all[fault] += $4 }
    END {
      if (!n) exit
      printf "%-58s %6s %8s %22s %17s\n", "fault", "tried", "resumed", "halted, nothing lost", "lost or unknown"
      for (i = 1; i <= n; i++) {
        f = names[i]
        printf "%-58s %6d %8d %22d %17d\n", f, all[f], count[f, "resumed"], count[f, "halted"], count[f, "lost"]
      }
    }'
}

# FAULTS.md has its tables between `<!-- rows: SECTION -->` and `<!-- end -->`, their sums between `<!-- totals -->` and `<!-- end -->`. All else is prose.
# Two machines are the same when their first word and their OpenZFS are: another kernel of the same series does not begin a second row.
FAULTS_AWK='
  function same(machine) {
    if (!match(machine, /, OpenZFS /)) return machine
    return substr(machine, 1, index(machine, ",") - 1) substr(machine, RSTART)
  }
  function broken(why) { printf "vm-tests: %s\n", why >"/dev/stderr"; bad = 1; exit 1 }
'

# faults_sections FILE: the sections that it has.
faults_sections() { sed -n 's/^<!-- rows: \(.*\) -->$/\1/p' "$1"; }

# faults_merged CASES ROWS FILE: the rows that FILE has from now on, sorted, a line each: the section's number, CASE, FAULT, MACHINE, four numbers, SEEN, NOTE.
# CASES is of the run, a line each: CASE, PASS|FAIL, SECTION, MACHINE, DATE. ROWS is what `fault_rows` says.
faults_merged() {
  LC_ALL=C awk -F'\t' "$FAULTS_AWK"'
    # Does the run know better? A row of several cases goes with the first of them: it cannot be split, and nothing may count twice.
    function superseded(cases, fault, machine, list, n, i) {
      n = split(cases, list, ", ")
      for (i = 1; i <= n; i++) {
        if (state[list[i]] == "PASS" && same(machine) == same(where[list[i]])) return 1
        if (fault != "the case failed") continue
        if (state[list[i]] == "FAIL" && same(machine) == same(where[list[i]])) return 1
        # A guest that never came up has no machine to pass on.
        if (state[list[i]] == "PASS" && machine == "unknown") return 1
      }
      return 0
    }
    function parse(line, cell, n, i, names, note) {
      gsub(/\\\|/, "\001", line)
      sub(/^\| */, "", line)
      sub(/ *\|$/, "", line)
      n = split(line, cell, / *\| */)
      if (n != 8) broken("this is no row of faults: " $0)
      for (i = 1; i <= 8; i++) gsub("\001", "|", cell[i])
      names = cell[2]
      note = ""
      if (match(names, / \(.*\)$/)) {
        note = substr(names, RSTART + 2, RLENGTH - 3)
        names = substr(names, 1, RSTART - 1)
      }
      gsub(/`/, "", names)
      if (superseded(names, cell[1], cell[3])) return
      print number[section], names, cell[1], cell[3], cell[4], cell[5], cell[6], cell[7], cell[8], note
    }
    BEGIN { OFS = "\t" }
    part == "cases" { state[$1] = $2; home[$1] = $3; where[$1] = $4; date[$1] = $5; next }
    part == "rows" {
      if (!($1 in state)) next
      if ($3 !~ /^(resumed|halted|lost)$/ || $4 !~ /^[0-9]+$/) broken($1 " does not say what came of how many: " $0)
      key = $1 FS $2
      if (!(key in notes)) { keys[++n] = key; notes[key] = "" }
      count[key, $3] += $4
      if ($5 != "" && index("; " notes[key] "; ", "; " $5 "; ") == 0) notes[key] = notes[key] (notes[key] == "" ? "" : "; ") $5
      next
    }
    /^<!-- rows: .* -->$/ { section = $0; sub(/^<!-- rows: /, "", section); sub(/ -->$/, "", section); number[section] = ++sections; next }
    /^<!-- end -->$/ { section = ""; next }
    section != "" && /^\|/ && !/^\| fault \|/ && !/^\|-/ { parse($0) }
    END {
      if (bad) exit 1
      for (i = 1; i <= n; i++) {
        split(keys[i], of, FS)
        r = count[keys[i], "resumed"] + 0; h = count[keys[i], "halted"] + 0; l = count[keys[i], "lost"] + 0
        print number[home[of[1]]], of[1], of[2], where[of[1]], r + h + l, r, h, l, date[of[1]], notes[keys[i]]
      }
    }' part=cases "$1" part=rows "$2" part=file "$3" | LC_ALL=C sort -s -t $'\t' -k1,1n -k2,2 -k3,3 -k4,4
}

# faults_written ROWS FILE: FILE with these rows and their sums.
faults_written() {
  LC_ALL=C awk -F'\t' "$FAULTS_AWK"'
    function plain(text) { gsub(/\|/, "\\|", text); return text }
    function row(names) {
      names = $2
      gsub(/, /, "`, `", names)
      names = "`" names "`" ($10 == "" ? "" : " (" $10 ")")
      return "| " plain($3) " | " plain(names) " | " plain($4) " | " $5 " | " $6 " | " $7 " | " $8 " | " $9 " |"
    }
    function sums(i, j, m) {
      for (i = 2; i <= machines; i++) {
        m = machine[i]
        for (j = i - 1; j && machine[j] > m; j--) machine[j + 1] = machine[j]
        machine[j + 1] = m
      }
      for (i = 1; i <= machines; i++) {
        m = machine[i]
        printf "- %s: %d tried, %d resumed, %d halted with nothing lost, %d lost", m, sum[m, 5], sum[m, 6], sum[m, 7], sum[m, 8]
        if (uncounted[m]) printf "; rows seen to pass, not counted: %d", uncounted[m]
        print ""
      }
    }
    part == "rows" {
      text[$1] = text[$1] row() "\n"
      m = same($4)
      if (!(m in known)) { known[m] = 1; machine[++machines] = m }
      if ($5 == "-") uncounted[m]++
      for (i = 5; i <= 8; i++) sum[m, i] += $i
      next
    }
    /^<!-- (rows: .*|totals) -->$/ {
      if (inside) broken("a table within a table: " $0)
      inside = 1
      print
      if ($0 ~ /totals/) { sums(); next }
      print "| fault | case | machine | tried | resumed | halted, nothing lost | lost | seen |"
      print "|---|---|---|---|---|---|---|---|"
      printf "%s", text[++sections]
      next
    }
    /^<!-- end -->$/ { inside = 0 }
    !inside { print }
    END {
      if (bad) exit 1
      if (inside) broken("a table without its <!-- end -->")
    }' part=rows "$1" part=file "$2"
}

# prose_ends_as FILE NEW: awk ends the last line with a newline, also where there was none.
prose_ends_as() { [ -z "$(tail -c 1 "$1")" ] || truncate -s -1 "$2"; }

# faults_merge FILE DATE OUT CASE...: merges the rows of a whole run in OUT into FILE. A case that passed replaces what was seen of it on the same machine;
# one that failed leaves that, and a row of its own until it passes there. OUT/CASE/machine says what it ran on.
faults_merge() {
  local file=$1 date=$2 out=$3 name section machine outcome work status=0
  shift 3
  work=$(mktemp -d) || return 1
  for name in "$@"; do
    section=$(header "$(case_file "$name")" faults)
    [ -n "$section" ] || continue
    faults_sections "$file" | grep -xF -- "$section" >/dev/null || { say "$name: there is no section '$section' in $file"; status=1; continue; }
    outcome=FAIL machine=''
    [ "$(cut -d' ' -f1 "$out/$name/outcome" 2>/dev/null)" != PASS ] || outcome=PASS
    [ ! -f "$out/$name/machine" ] || machine=$(head -n 1 "$out/$name/machine" | tr -d '\t\r')
    printf '%s\t%s\t%s\t%s\t%s\n' "$name" "$outcome" "$section" "${machine:-unknown}" "$date"
  done >"$work/cases"
  fault_rows "$out" "$@" >"$work/rows" || status=1
  # Two runs may end at once. The new file keeps the owner of the old one: root runs this in somebody's checkout.
  [ "$status" != 0 ] || (
    flock -w 60 9 \
      && faults_merged "$work/cases" "$work/rows" "$file" >"$work/merged" \
      && faults_written "$work/merged" "$file" >"$work/written" \
      && prose_ends_as "$file" "$work/written" \
      && { cmp -s "$work/written" "$file" || { cp -p "$file" "$file.new" && cat "$work/written" >"$file.new" && mv "$file.new" "$file"; }; }
  ) 9<"$(dirname "$file")" || status=1
  rm -rf "$work"
  [ "$status" = 0 ] || say "the rows of this run are not in $file; they are in $out/*/result/faults"
  return "$status"
}
