# apt-source RELEASE: makes the packages of another release of this distribution known to APT, from
# the archives that the present release comes from. Needs a pin that keeps everything else where it
# is. If the new source cannot be read, it is removed again.
set -eu
[ $# -eq 1 ] || { echo 'apt-source RELEASE' >&2; exit 2; }
release=$1
file=${APT_SOURCES:-/etc/apt/sources.list.d}/backout-$release.list
codename=$(sed -n 's/^VERSION_CODENAME=//p' "${OS_RELEASE:-/etc/os-release}" | tr -d '"')
if [ -z "$codename" ] || [ "$codename" = "$release" ]; then
  echo "the release of this host is not known, or is $release itself" >&2
  exit 1
fi
if [ -e "$file" ]; then
  echo "$file is there already, and APT knows nothing of $release: look at it, then run apt-get update" >&2
  exit 1
fi

# URI, suite and component of each archive of the distribution itself.
lines=$(apt-get indextargets --format '$(ORIGIN) $(SITE) $(RELEASE) $(COMPONENT)' 'Identifier: Packages' |
  sed -n "s/^\(Debian\|Ubuntu\) \([^ ]*\) $codename\(-updates\|-security\)\{0,1\} \([^ ]*\)\$/\2 $release\3 \4/p" |
  sort -u)
[ -n "$lines" ] || { echo "APT has read no source of the release $codename of this host: run apt-get update" >&2; exit 1; }

id=$(sed -n 's/^ID=//p' "${OS_RELEASE:-/etc/os-release}")
key=/usr/share/keyrings/$id-archive-keyring.gpg
if [ -e "$key" ]; then option="[signed-by=$key] "; else option=; fi

trap 'rm -f "$file.new"' EXIT
printf '%s\n' "$lines" | sed "s,^,deb $option," >"$file.new"
chmod 644 "$file.new"
mv "$file.new" "$file"
cat "$file"
if ! apt-get update --error-on=any -q; then
  rm -f "$file"
  echo "APT cannot read the new source, so $file was removed again" >&2
  exit 1
fi
