#!/bin/sh
# start-unit UNIT SYSTEMD-RUN-ARGUMENT...: starts a transient unit, unless it runs. What is left of
# one that failed is cleared away first.
set -u
unit=$1
shift
if systemctl is-active --quiet -- "$unit"; then
    exit 0
fi
systemctl reset-failed -- "$unit" 2>/dev/null
exec systemd-run --unit="$unit" --collect "$@"
