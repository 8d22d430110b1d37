# shellcheck shell=bash disable=SC2034
# Redis, as story.sh asks for it. Needs: redis.sh.
OLD=7.0 NEW=8.0 UNIT=redis-server.service DATASETS=$'tank\ntank/redis' UP=() DOWN=()

redis_same() { same_redis "$1"; }
redis_dump_to() { redis_dump >"$1"; }
redis_rests() { :; }
redis_begins() { :; }
redis_meanwhile() { :; }
redis_meanwhile_ends() { :; }
redis_boots() { :; }
redis_cut_within() { :; }
redis_prepares() { :; }
redis_is_back() { :; }
