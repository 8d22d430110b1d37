# shellcheck shell=bash disable=SC2034
# PostgreSQL, as story.sh asks for it. Needs: postgresql.sh.
OLD=postgresql-15 NEW=postgresql-17 UNIT=postgresql@15-main.service DATASETS=$'tank\ntank/postgresql' UP=() DOWN=()

postgresql_same() { same_postgresql "$1"; }
postgresql_dump_to() { postgresql_dump >"$1"; }
postgresql_rests() { :; }
postgresql_begins() { :; }
postgresql_meanwhile() { :; }
postgresql_meanwhile_ends() { :; }
postgresql_boots() { :; }
postgresql_cut_within() { :; }
postgresql_prepares() { :; }
postgresql_is_back() { :; }
