# shellcheck shell=bash
# What the helpers of all products share: the site file, and whether a server holds what a dump says.

# site_written PLAYBOOK DATASET VERSION [LINE...]: /etc/backout/site.toml of a product from Debian, with more lines of its own.
site_written() {
  local playbook=$1 dataset=$2 version=$3
  shift 3
  mkdir -p /etc/backout
  chmod 755 /etc/backout
  printf '%s\n' "playbook = \"$playbook\"" "datasets = [\"$dataset\"]" "upgrade_to = \"$version\"" "$@" '[variables]' 'release = "trixie"' >/etc/backout/site.toml
  chmod 644 /etc/backout/site.toml
}

# same_as FILE CMD...: the command, which dumps everything, prints what FILE says.
same_as() {
  local file=$1
  shift
  "$@" >/root/dump-now
  diff "$file" /root/dump-now | head -n 20 || true
  cmp "$file" /root/dump-now
}
