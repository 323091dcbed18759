#!/usr/bin/env bash
# run-scim2-tester.sh sqlite|postgres BINARY ENVIRONMENT: our server on a fresh database, and scim2-tester against it twice:
# with the push token of a connection, and with the administrator's.
set -euo pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
engine="$1" binary="$2"
export SCIM2_TESTER="$3"

folder="$(mktemp -d "${TMPDIR:-/tmp}/rollkeeper-referee.XXXXXX")"
server=""
finish() {
  local code=$?
  trap - EXIT
  if [[ -n "$server" ]]; then kill "$server" 2>/dev/null || true; wait "$server" 2>/dev/null || true; fi
  if ((code)); then echo "the server's last words:"; tail -20 "$folder/log" 2>/dev/null || true; fi
  rm -rf "$folder"
  exit "$code"
}
trap finish EXIT
trap 'exit 143' INT TERM

case "$engine" in
  sqlite) database="sqlite://$folder/rollkeeper.db" ;;
  postgres)
    : "${ROLLKEEPER_TEST_POSTGRES:?run ./check, or set it to the URL of a PostgreSQL server where databases may be created}"
    name="rk_referee_$$"
    psql --quiet --no-psqlrc "$ROLLKEEPER_TEST_POSTGRES" --command "create database $name"
    database="${ROLLKEEPER_TEST_POSTGRES%/*}/$name"
    ;;
  *) echo "allowed are: sqlite, postgres" >&2; exit 2 ;;
esac

token() { # token SCOPE
  "$binary" token create --tenant acme --scope "$1" --database "$database" --json |
    "$SCIM2_TESTER/bin/python" -c 'import json, sys; print(json.load(sys.stdin)["token"])'
}

"$binary" tenant create acme --database "$database" --json >"$folder/tenant.json"
push="$(token scim)"
administrator="$(token admin)"

ready() { # whether /readyz of PORT answers 200
  "$SCIM2_TESTER/bin/python" - "http://127.0.0.1:$1/readyz" <<'PYTHON' 2>/dev/null
import sys, urllib.request
urllib.request.urlopen(sys.argv[1], timeout=2)
PYTHON
}

port=$((30000 + RANDOM % 2000))
"$binary" serve --listen "127.0.0.1:$port" --database "$database" >"$folder/log" 2>&1 &
server=$!
for attempt in $(seq 100); do
  ready "$port" && break
  kill -0 "$server" 2>/dev/null || { echo "the server did not start" >&2; exit 1; }
  [[ "$attempt" -lt 100 ]] || { echo "the server is not ready after 20 seconds" >&2; exit 1; }
  sleep 0.2
done

base="http://127.0.0.1:$port/t/acme/scim/v2"
failed=0
"$here/scim2-tester.sh" "$base" "$push" "$engine, push token" || failed=1
"$here/scim2-tester.sh" "$base" "$administrator" "$engine, admin token" || failed=1
exit "$failed"
