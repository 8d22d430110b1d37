# shellcheck shell=bash
# apt with sources of its own: nothing of it stays in the host's /etc/apt or its lists.
# Needs: say.sh, deps.sh.

APT_KEY=/usr/share/keyrings/debian-archive-keyring.gpg

# apt_private FOLDER LINE...: sets APT (apt-get) and APT_CACHE (apt-cache) to commands that keep all they have below FOLDER and know these sources alone; a
# LINE is what follows `deb [signed-by=...]`, or begins with `deb-src `.
apt_private() {
  local folder=$1 line options
  shift
  mkdir -p "$folder"/{lists/partial,archives/partial,parts}
  for line in "$@"; do
    case $line in
      deb-src\ *) printf 'deb-src [signed-by=%s] %s\n' "$APT_KEY" "${line#deb-src }" ;;
      *) printf 'deb [arch=amd64 signed-by=%s] %s\n' "$APT_KEY" "$line" ;;
    esac
  done >"$folder/sources.list"
  : >"$folder/status"
  : >"$folder/extended_states"
  chmod -R a+rX "$folder"
  options=(-q -o "Dir::Etc::sourcelist=$folder/sources.list" -o "Dir::Etc::sourceparts=$folder/parts" -o Dir::Etc::preferences=/dev/null
    -o "Dir::Etc::preferencesparts=$folder/parts" -o "Dir::State::lists=$folder/lists" -o "Dir::State::status=$folder/status"
    -o "Dir::State::extended_states=$folder/extended_states" -o "Dir::Cache::archives=$folder/archives" -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache=
    -o APT::Architecture=amd64 -o APT::Architectures=amd64 -o APT::Install-Recommends=false -o APT::Sandbox::User=root -o Acquire::Retries=3
    -o Acquire::Languages=none)
  APT=(apt-get "${options[@]}")
  APT_CACHE=(apt-cache "${options[@]}")
}
