# Sourced by the scripts that drive our server: `serve_for_referee sqlite|postgres BINARY PYTHON` starts it on a fresh database with
# the tenant acme, sets `origin` (http://127.0.0.1:PORT) and stops everything when the script ends. `token SCOPE` makes a token.

referee_folder="$(mktemp -d "${TMPDIR:-/tmp}/rollkeeper-referee.XXXXXX")"
referee_server="" referee_binary="" referee_python="" referee_database="" origin=""

referee_finish() {
  local code=$?
  trap - EXIT
  if [[ -n "$referee_server" ]]; then kill "$referee_server" 2>/dev/null || true; wait "$referee_server" 2>/dev/null || true; fi
  if ((code)); then echo "the server's last words:"; tail -20 "$referee_folder/log" 2>/dev/null || true; fi
  rm -rf "$referee_folder"
  exit "$code"
}
trap referee_finish EXIT
trap 'exit 143' INT TERM

token() { # token SCOPE [FLAG VALUE]...
  "$referee_binary" token create --tenant acme --scope "$@" --database "$referee_database" --json |
    "$referee_python" -c 'import json, sys; print(json.load(sys.stdin)["token"])'
}

referee_ready() { # whether /readyz answers 200
  "$referee_python" - "$origin/readyz" <<'PYTHON' 2>/dev/null
import sys, urllib.request
urllib.request.urlopen(sys.argv[1], timeout=2)
PYTHON
}

serve_for_referee() {
  local engine="$1" name attempt
  referee_binary="$2" referee_python="$3"
  case "$engine" in
    sqlite) referee_database="sqlite://$referee_folder/rollkeeper.db" ;;
    postgres)
      : "${ROLLKEEPER_TEST_POSTGRES:?run ./check, or set it to the URL of a PostgreSQL server where databases may be created}"
      name="rk_referee_$$"
      psql --quiet --no-psqlrc "$ROLLKEEPER_TEST_POSTGRES" --command "create database $name"
      referee_database="${ROLLKEEPER_TEST_POSTGRES%/*}/$name"
      ;;
    *) echo "allowed are: sqlite, postgres" >&2; exit 2 ;;
  esac
  "$referee_binary" tenant create acme --database "$referee_database" --json >"$referee_folder/tenant.json"
  : >"$referee_folder/log" # read below, perhaps before the server has begun
  "$referee_binary" serve --listen 127.0.0.1:0 --database "$referee_database" >"$referee_folder/log" 2>&1 &
  referee_server=$!
  for attempt in $(seq 100); do
    origin="$(sed -n 's|^Rollkeeper is listening on \(http://.*\)$|\1|p' "$referee_folder/log")"
    [[ -n "$origin" ]] && referee_ready && return
    kill -0 "$referee_server" 2>/dev/null || { echo "the server did not start" >&2; exit 1; }
    [[ "$attempt" -lt 100 ]] || { echo "the server is not ready after 20 seconds" >&2; exit 1; }
    sleep 0.2
  done
}
