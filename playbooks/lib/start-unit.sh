#!/bin/sh
# start-unit UNIT SYSTEMD-RUN-ARGUMENT...: starts a transient unit, unless it runs. What is left of
# one that failed is cleared away first. Where it does not start, its last words are said.
set -u
unit=$1
shift
if systemctl is-active --quiet -- "$unit"; then
    exit 0
fi
systemctl reset-failed -- "$unit" 2>/dev/null
systemd-run --unit="$unit" --collect "$@" && exit 0
status=$?
journalctl --no-pager --output=cat --lines=5 --unit="$unit" >&2
exit "$status"
