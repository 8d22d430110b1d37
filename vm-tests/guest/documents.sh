# shellcheck shell=bash
# Runs blocks of the documents, word for word, as somebody at a terminal of 80 columns would, and records what the screen shows.
# /case/documents.tsv has every command: document, line of its block, command.
# Needs: backout.sh.

# Nobody is there to turn pages; and a terminal that can be redrawn.
export SYSTEMD_PAGER=cat TERM=xterm-256color

# typed NAME COMMAND: types it at a terminal. Every question is answered with a yes, or with $CHOICE. /result/recordings/NAME.* is what it showed when.
typed() {
  local name=$1 command=$2 folder=/result/recordings log size=0 answered=0 end pid status=0
  mkdir -p "$folder"
  log=$folder/$name.log
  printf '%s\n' "$command" >"$folder/$name.command"
  rm -f /run/typed "$log"
  mkfifo /run/typed
  echo "\$ $command"
  script --quiet --flush --return --echo always --log-out "$log" --log-timing "$folder/$name.timing" --logging-format classic \
    --command "stty cols 80 rows 50; $command" </run/typed >/dev/null &
  pid=$!
  exec 8>/run/typed
  while kill -0 "$pid" 2>/dev/null; do
    sleep 0.2
    size=$(stat -c %s "$log" 2>/dev/null || echo 0)
    [ "$size" -gt "$answered" ] || continue
    end=$(tail -c 200 "$log" | tr -d '\r\0' | tail -n 1)
    case $end in
      *"(yes/no) " | *"[yes/no] " | *'to go on nevertheless: ') echo yes >&8 ;;
      *"): " | *"for a yes: ") [[ $end =~ \(([^\(\)]+)\)[^\(\)]*:\ $ ]] || continue; echo "${BASH_REMATCH[1]}" >&8 ;;
      *'Type a number: ') echo "${CHOICE:-1}" >&8 ;;
      *) continue ;;
    esac
    # Once: what is echoed ends the line.
    answered=$size
  done
  wait "$pid" || status=$?
  exec 8>&-
  # A screen that is redrawn is one line for each time.
  sed '1d;$d' "$log" | tr '\r' '\n' | sed 's/\x1b\[[0-9;?]*[a-zA-Z]//g' | grep . | uniq || true
  echo "  ended with $status"
  return "$status"
}

# documents_block DOCUMENT WORDS: the commands of its only block that begins so.
documents_block() {
  awk -F'\t' -v document="$1" -v words="$2" '
    $1 == document { name[$2] = name[$2] (text[$2] ? "; " : "") $3; text[$2] = text[$2] $3 "\n" }
    END { for (line in name) if (index(name[line], words) == 1) { found++; it = text[line] }
          if (found != 1) exit 1
          printf "%s", it }' /case/documents.tsv || { echo "$1: not one block begins with: $2" >&2; return 1; }
}

# recording DOCUMENT COMMAND: how its recording is called: README-backout-check-fix; the second one README-backout-check-fix-2.
recording() {
  local name number=1
  name="$(basename "$1" .md)-$(tr -cs '[:alnum:]\n' - <<<"$2" | cut -c1-60)"
  name=${name%-}
  while [ -e "/result/recordings/$name$([ "$number" = 1 ] || echo "-$number").log" ]; do number=$((number + 1)); done
  printf '%s\n' "$name$([ "$number" = 1 ] || echo "-$number")"
}

# block DOCUMENT WORDS [NAME=VALUE...]: runs the block that begins with these words. A name in capitals gets its value. Each command must end with 0, or
# with what STATUSES says in its place ('0 3 0').
block() {
  local document=$1 words=$2 commands command value wanted number=0 status
  shift 2
  commands=$(documents_block "$document" "$words")
  while IFS= read -r command <&7; do
    for value in "$@"; do command=${command//"${value%%=*}"/"${value#*=}"}; done
    wanted=$(cut -d' ' -f$((number + 1)) <<<"${STATUSES:-0 0 0 0 0 0}")
    number=$((number + 1)) status=0
    typed "$(recording "$document" "$command")" "$command" || status=$?
    [ "$status" = "$wanted" ] || { echo "$document: \`$command\` ended with $status, expected $wanted" >&2; return 1; }
  done 7<<<"$commands"
}
