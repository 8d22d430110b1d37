# shellcheck shell=bash
# What benchmarks print, as the tables of docs/performance.md and the plots beside it.
# A row of what a case prints: PRODUCT, MB of data, MB written since the snapshot, WAY, SECONDS; PRODUCT, -, -, `note`, TEXT; or `overhead`, -, -, WHAT,
# `MEASURED REFERENCE UNIT`: two numbers of one run. In bench.tsv each has a sixth and a seventh column: DATE, MACHINE.
# Needs: say.sh.

# The ways of the downtime table, in its order; the first one is what the ratios are to.
BENCH_WAYS='by hand|backup and restore|downgrade, full proof|downgrade, delta proof|switch to a standby|and back to its packages'

# bench_merged ALL NEW DATE MACHINE: ALL, in which the products of NEW, and the overhead rows that are named alike, give way to NEW.
bench_merged() {
  awk -F'\t' -v OFS='\t' -v date="$3" -v machine="$4" '
    function key() { return $1 == "overhead" ? $1 FS $4 : $1 }
    FNR == 1 { file++ }
    file == 1 { new[key()] = 1; text[++n] = $0; next }
    !(key() in new) { print }
    END { for (i = 1; i <= n; i++) print text[i], date, machine }' "$2" "$1"
}

# bench_tables ROWS: the tables, in Markdown, by size, with a picture for each product that has one.
bench_tables() {
  sort -s -t $'\t' -k2,2n -k3,3n "$1" | LC_ALL=C awk -F'\t' -v ways="$BENCH_WAYS" '
    BEGIN { count = split(ways, way, "|") }
    $1 == "overhead" { what[++m] = $4; split($5, pair, " "); measured[m] = pair[1]; reference[m] = pair[2]; unit[m] = pair[3]; on[m] = $6 ": " $7; next }
    !($1 in of) { of[$1] = ++p; product[p] = $1; where[p] = $6 ": " $7 }
    $4 == "note" { notes[$1] = notes[$1] "- " $5 "\n"; next }
    {
      if ($5 !~ /^[0-9]+(\.[0-9]+)?$/) { printf "no number of seconds: %s\n", $0 >"/dev/stderr"; bad = 1; exit 1 }
      key = $1 FS $2 FS $3
      if (!(key in seen)) { seen[key] = 1; keys[++n] = key }
      took[key, $4] = $5
      has[$1, $4] = 1
    }
    END {
      if (bad) exit 1
      for (q = 1; q <= p; q++) {
        name = product[q]
        printf "## %s\n\nMeasured on %s.\n\n| data | written since |", name, where[q]
        for (i = 1; i <= count; i++) if ((name, way[i]) in has) printf " %s |", way[i]
        printf "\n|---|---|"
        for (i = 1; i <= count; i++) if ((name, way[i]) in has) printf "---|"
        print ""
        for (k = 1; k <= n; k++) {
          split(keys[k], part, FS)
          if (part[1] != name) continue
          printf "| %s MB | %s MB |", part[2], part[3]
          hand = took[keys[k], way[1]]
          for (i = 1; i <= count; i++) {
            if (!((name, way[i]) in has)) continue
            t = took[keys[k], way[i]]
            if (t == "") printf " not measured |"
            else if (i == 1 || hand == "" || hand == 0) printf " %.1f s |", t
            else printf " %.1f s (%.2f) |", t, t / hand
          }
          print ""
        }
        if (name in notes) printf "\n%s", notes[name]
        if ((name, way[1]) in has) printf "\n![%s: downtime over the size of the data](downtime-%s.svg)\n", name, tolower(name)
        print ""
      }
      if (m) {
        print "## What the tool costs\n\n| what | measured | beside | ratio | on |\n|---|---|---|---|---|"
        for (i = 1; i <= m; i++)
          printf "| %s | %s %s | %s %s | %.2f | %s |\n", what[i], measured[i], unit[i], reference[i], unit[i], reference[i] ? measured[i] / reference[i] : 0, on[i]
      }
    }'
}

# bench_plot ROWS PRODUCT: the downtime over the size of the data, as SVG. Both axes are logarithmic.
bench_plot() {
  LC_ALL=C awk -F'\t' -v ways="$BENCH_WAYS" -v product="$2" '
    function log10(x) { return log(x) / log(10) }
    function px(mb) { return 70 + 520 * (log10(mb) - x0) / (x1 - x0) }
    function py(s) { return 330 - 290 * (log10(s) - y0) / (y1 - y0) }
    BEGIN { count = split(ways, way, "|"); split("#555555 #b15928 #1f78b4 #33a02c #e31a1c #ff7f00", color, " "); least = 1e9; most = 0; small = 1e9; large = 0 }
    $1 == product && $4 != "note" && $5 > 0 {
      key = $2 SUBSEP $4
      # Of several deltas the smallest: the size of the data is what the plot is about.
      if (!(key in delta) || $3 < delta[key]) { delta[key] = $3; took[key] = $5 }
      sizes[$2] = 1
      if ($5 < least) least = $5; if ($5 > most) most = $5
      if ($2 < small) small = $2; if ($2 > large) large = $2
    }
    END {
      if (most == 0) exit 1
      x0 = log10(small) - 0.1; x1 = log10(large) + 0.1
      y0 = int(log10(least) - (log10(least) < 0)); y1 = int(log10(most)) + 1
      print "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"860\" height=\"390\" viewBox=\"0 0 860 390\" font-family=\"sans-serif\" font-size=\"13\">"
      print "<rect width=\"860\" height=\"390\" fill=\"white\"/>"
      printf "<text x=\"70\" y=\"22\" font-size=\"15\">%s: how long clients are shut out, over the size of the data</text>\n", product
      for (p = y0; p <= y1; p++) {
        y = py(10 ^ p)
        printf "<line x1=\"70\" y1=\"%.1f\" x2=\"590\" y2=\"%.1f\" stroke=\"#dddddd\"/><text x=\"62\" y=\"%.1f\" text-anchor=\"end\">%g s</text>\n", y, y, y + 4, 10 ^ p
      }
      for (mb in sizes)
        printf "<line x1=\"%.1f\" y1=\"330\" x2=\"%.1f\" y2=\"336\" stroke=\"black\"/><text x=\"%.1f\" y=\"352\" text-anchor=\"middle\">%s MB</text>\n", px(mb), px(mb), px(mb), mb
      print "<path d=\"M70 40V330H590\" fill=\"none\" stroke=\"black\"/>"
      for (i = 1; i <= count; i++) {
        path = ""; n = 0
        delete list
        for (mb in sizes) if ((mb SUBSEP way[i]) in took) list[++n] = mb + 0
        if (!n) continue
        for (a = 2; a <= n; a++) { m = list[a]; for (b = a - 1; b && list[b] > m; b--) list[b + 1] = list[b]; list[b + 1] = m }
        for (a = 1; a <= n; a++) {
          t = took[list[a] SUBSEP way[i]]
          path = path (a == 1 ? "M" : "L") sprintf("%.1f %.1f", px(list[a]), py(t))
          printf "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"4\" fill=\"%s\"/>\n", px(list[a]), py(t), color[i]
        }
        printf "<path d=\"%s\" fill=\"none\" stroke=\"%s\" stroke-width=\"2\"/>\n", path, color[i]
        printf "<rect x=\"610\" y=\"%d\" width=\"14\" height=\"4\" fill=\"%s\"/><text x=\"632\" y=\"%d\">%s</text>\n", 52 + 24 * i, color[i], 58 + 24 * i, way[i]
      }
      print "</svg>"
    }' "$1"
}

# bench_written ROWS FILE: FILE with these tables between `<!-- tables -->` and `<!-- end -->`.
bench_written() {
  local tables
  tables=$(bench_tables "$1") || return 1
  TABLES=$tables awk '
    /^<!-- tables -->$/ { print; printf "\n%s\n\n", ENVIRON["TABLES"]; skip = 1; found = 1; next }
    /^<!-- end -->$/ { skip = 0 }
    !skip { print }
    END { exit !found }' "$2"
}
