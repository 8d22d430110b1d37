# shellcheck shell=bash
# What benchmarks print, as the tables of docs/performance.md and the plot beside it.
# A row: PRODUCT, MB of data, MB written since the snapshot, WAY, SECONDS; or `overhead`, -, -, WHAT, `MEASURED REFERENCE`: two numbers of one run.
# Needs: say.sh.

# The ways of the downtime table, in its order; the first one is what the ratios are to.
BENCH_WAYS='by hand|backup and restore|downgrade, full proof|downgrade, delta proof|switch to a standby'

# bench_tables ROWS: the tables, in Markdown.
bench_tables() {
  LC_ALL=C awk -F'\t' -v ways="$BENCH_WAYS" '
    BEGIN { count = split(ways, way, "|") }
    $1 != "overhead" {
      if ($5 !~ /^[0-9]+(\.[0-9]+)?$/) { printf "no number of seconds: %s\n", $0 >"/dev/stderr"; bad = 1; exit 1 }
      key = $1 FS $2 FS $3
      if (!(key in seen)) { seen[key] = 1; keys[++n] = key }
      took[key, $4] = $5
      next
    }
    { what[++m] = $4; split($5, pair, " "); measured[m] = pair[1]; reference[m] = pair[2]; unit[m] = pair[3] }
    END {
      if (bad) exit 1
      printf "| product | data | written since |"
      for (i = 1; i <= count; i++) printf " %s |", way[i]
      printf "\n|---|---|---|"
      for (i = 1; i <= count; i++) printf "---|"
      print ""
      for (k = 1; k <= n; k++) {
        split(keys[k], of, FS)
        printf "| %s | %s MB | %s MB |", of[1], of[2], of[3]
        hand = took[keys[k], way[1]]
        for (i = 1; i <= count; i++) {
          t = took[keys[k], way[i]]
          if (t == "") printf " not measured |"
          else if (i == 1 || hand == "" || hand == 0) printf " %.1f s |", t
          else printf " %.1f s (%.2f) |", t, t / hand
        }
        print ""
      }
      if (m) {
        print "\n| what | measured | beside | ratio |\n|---|---|---|---|"
        for (i = 1; i <= m; i++)
          printf "| %s | %s %s | %s %s | %.2f |\n", what[i], measured[i], unit[i], reference[i], unit[i], reference[i] ? measured[i] / reference[i] : 0
      }
    }' "$1"
}

# bench_plot ROWS PRODUCT: the downtime over the size of the data, as SVG. Both axes are logarithmic.
bench_plot() {
  LC_ALL=C awk -F'\t' -v ways="$BENCH_WAYS" -v product="$2" '
    function log10(x) { return log(x) / log(10) }
    function px(mb) { return 70 + 520 * (log10(mb) - x0) / (x1 - x0) }
    function py(s) { return 330 - 290 * (log10(s) - y0) / (y1 - y0) }
    BEGIN { count = split(ways, way, "|"); split("#555555 #b15928 #1f78b4 #33a02c #e31a1c", color, " "); least = 1e9; most = 0; small = 1e9; large = 0 }
    $1 == product && $5 > 0 {
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

# bench_written ROWS FILE MACHINE DATE: FILE with these tables between `<!-- tables -->` and `<!-- end -->`.
bench_written() {
  local tables
  tables=$(bench_tables "$1") || return 1
  TABLES=$tables awk -v machine="$3" -v date="$4" '
    /^<!-- tables -->$/ { print; printf "\nMeasured on %s, %s.\n\n%s\n\n", date, machine, ENVIRON["TABLES"]; skip = 1; found = 1; next }
    /^<!-- end -->$/ { skip = 0 }
    !skip { print }
    END { exit !found }' "$2"
}
