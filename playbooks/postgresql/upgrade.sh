#!/bin/sh
# upgrade.sh BACKOUT OLD NEW CLUSTER DATADIR LIB RELEASE MODE BEGIN: installs the new version beside
# the old one, and takes a cluster over. BEGIN: how a standby begins, `copy` or `slot`. May be run
# again after an interruption: what an earlier attempt made of the new cluster goes, unless it has
# been started.
set -eu
backout=$1 old=$2 new=$3 cluster=$4 datadir=$5 lib=$6 release=$7 mode=$8 begin=$9
export LC_ALL=C.UTF-8
program_dir=$(cd "$(dirname "$0")" && pwd)
old_data=$datadir/$old/$cluster new_data=$datadir/$new/$cluster
old_conf=/etc/postgresql/$old/$cluster new_conf=/etc/postgresql/$new/$cluster
# It exists from before the first start of the new server until the old cluster is gone.
taken=$datadir/$new/.backout-$cluster

# The server and the extensions that the old version has. No cluster is made for them.
packages=$(dpkg-query --show --showformat='${db:Status-Status} ${Package}\n' |
  sed -n "s/^installed postgresql-$old\(-.*\)\{0,1\}$/postgresql-$new\1/p")
own=/etc/postgresql-common/createcluster.d/backout.conf
mkdir -p "${own%/*}"
printf 'create_main_cluster = false\n' >"$own"
# shellcheck disable=SC2086
apt-get install --yes --fix-broken --target-release="$release" -o Dpkg::Options::=--force-confold "postgresql-$new" $packages
rm -f "$own"

if [ -e "$old_data/PG_VERSION" ]; then
  if [ ! -e "$taken" ]; then
    if [ -e "$new_data" ] || [ -e "$new_conf" ]; then
      echo "removing what an earlier attempt has left of $new/$cluster"
      pg_dropcluster --stop "$new" "$cluster" || true
      rm -rf "$new_data" "$new_conf"
    fi
    # pg_upgrade hides it while it links files.
    [ ! -e "$old_data/global/pg_control.old" ] || mv "$old_data/global/pg_control.old" "$old_data/global/pg_control"
    printf 'auto\n' >"$old_conf/start.conf"
    pg_upgradecluster -v "$new" -m "$mode" --no-start "$old" "$cluster" "$new_data"
    # What pg_upgradecluster leaves out: conf.d, and files that are included.
    cp -a --no-clobber "$old_conf/." "$new_conf/"
    touch "$taken"
    sync "$taken"
  fi

  # Its first start, without clients: indexes whose order this system's libraries see otherwise are
  # made anew, and the planner learns what the tables are like.
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  chown postgres "$work"
  printf 'local all all trust\n' >"$work/hba"
  chmod 644 "$work/hba"
  control() {
    runuser -u postgres -- "$lib/$new/bin/pg_ctl" --silent --wait --timeout=86400 --pgdata="$new_data" --log="$work/log" "$@" </dev/null
  }
  control --options="-c config_file=$new_conf/postgresql.conf -c hba_file=$work/hba -c listen_addresses= \
    -c unix_socket_directories=$work -c port=5432 -c ssl=off -c external_pid_file= -c logging_collector=off \
    -c autovacuum=off -c archive_mode=off -c max_logical_replication_workers=0" start >/dev/null 2>&1 ||
    { tail -n 20 "$work/log" >&2; exit 1; }
  server="--bin=$lib/$new/bin --host=$work"
  # shellcheck disable=SC2086
  "$backout" helper postgresql-each $server "$program_dir/collations.sql"
  "$lib/$new/bin/vacuumdb" --host="$work" --username=postgres --all --analyze-only --quiet
  # What a standby goes on from, before any client writes.
  # shellcheck disable=SC2086
  "$backout" helper postgresql-feed reserve $server --begin="$begin"
  control stop

  # The snapshot has the old cluster, and nobody may start it on files that both share.
  pg_dropcluster "$old" "$cluster" || true
  rm -rf "$old_data" "$old_conf"
fi
rm -f "$taken"
