# shellcheck shell=bash disable=SC2034
# PostgreSQL, as story.sh asks for it. Needs: postgresql.sh.
OLD=postgresql-15 NEW=postgresql-17 UNIT=postgresql@15-main.service DATASETS=$'tank\ntank/postgresql' UP=() DOWN=()

postgresql_same() { same_postgresql "$1"; }
postgresql_dump_to() { postgresql_dump >"$1"; }
postgresql_rests() { :; }
postgresql_begins() { :; }
postgresql_meanwhile() { :; }
postgresql_meanwhile_ends() { :; }
# A crash of the server empties an unlogged table: its rows cannot be asked for after a power cut.
postgresql_boots() {
  [ ! -f /root/prepared ] || return 0
  until pg -c 'SELECT 1' >/dev/null 2>&1; do sleep 0.5; done
  pg -d shop -c 'TRUNCATE cache'
  postgresql_dump >/root/dump-new
  zpool sync tank
  touch /root/prepared
  sync
}
postgresql_cut_within() { :; }
postgresql_prepares() { :; }
postgresql_is_back() { :; }
