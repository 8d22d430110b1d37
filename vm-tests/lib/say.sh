# shellcheck shell=bash
# Plain progress lines. Everything goes to stderr, so that a function may hand back its answer on stdout.

say() { printf '%s  %s\n' "$(date +%H:%M:%S)" "$*" >&2; }

die() {
  printf 'vm-tests: %s\n' "$*" >&2
  exit 1
}

# quietly LOG CMD...: runs CMD with its output in LOG; when it fails, shows the end of LOG and where the rest is.
quietly() {
  local log=$1
  shift
  if ! "$@" >"$log" 2>&1; then
    printf 'vm-tests: failed: %s\n' "$*" >&2
    tail -n 30 "$log" | sed 's/^/    /' >&2
    printf 'vm-tests: all of its output: %s\n' "$log" >&2
    return 1
  fi
}
