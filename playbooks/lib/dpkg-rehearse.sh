#!/bin/sh
# Rehearses the installation of saved Debian packages. Prints a line for each thing that is in the
# way, and nothing if there is none. Changes nothing.
#
#   dpkg-rehearse OWN FILE...    OWN: an extended regular expression for the whole names of packages
#                                that may be removed
set -u
LC_ALL=C
export LC_ALL

[ $# -ge 2 ] || { echo "usage: dpkg-rehearse OWN FILE..." >&2; exit 2; }
own=$1
shift

held=$(apt-mark showhold) || exit
for file in "$@"; do
  name=$(dpkg-deb --field "$file" Package) || exit
  if printf '%s\n' "$held" | grep -qx -e "$name" -e "$name:.*"; then
    echo "$name is held: apt-mark unhold $name"
  fi
done

# What apt says goes into a variable: its exit status counts, too.
if said=$(apt-get install --simulate --yes --fix-broken --allow-downgrades "$@" 2>&1); then
  printf '%s\n' "$said" | sed -n 's/^Remv \([^ ]*\).*/\1/p' | grep -Evx "$own" | sed 's/$/ would be removed/'
else
  # Which dependencies, and the errors.
  why=$(printf '%s\n' "$said" | sed -n '/^E: /p; /^ .* : [A-Z]/p; /^ *\(Depends\|Breaks\|Conflicts\): /p' | head -n 10)
  printf '%s\n' "${why:-apt-get fails: $(printf '%s\n' "$said" | tail -n 1)}"
fi
exit 0
