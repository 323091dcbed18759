#!/usr/bin/env bash
# run-schemathesis.sh sqlite|postgres BINARY ENVIRONMENT [CASES]: our server on a fresh database, and schemathesis, which makes requests
# from openapi.yaml, right and wrong ones: no answer is a 5xx (but for the 501 of /Me), none has a status, a header or a body that openapi.yaml does not describe.
set -euo pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
source "$here/server.sh"
environment="$3" cases="${4:-20}"
serve_for_referee "$1" "$2" "$environment/bin/python"

"$2" user create ana@acme.example --tenant acme --database "$referee_database" --json >/dev/null
ROLLKEEPER_ADMIN="$(token admin)" ROLLKEEPER_JIT="$(token jit.login)" ROLLKEEPER_ME="$(token me --user ana@acme.example)"
export ROLLKEEPER_ADMIN ROLLKEEPER_JIT ROLLKEEPER_ME
judge() { # judge FLAG VALUE: the routes that the flag selects
  "$environment/bin/schemathesis" --config-file "$here/schemathesis.toml" run "$origin/openapi.yaml" --url "$origin" "$@" \
    --phases examples,coverage,fuzzing --max-examples "$cases" --seed 20260 --suppress-health-check all --no-color
}
# First what needs tokens that the rest may end, because it suspends people and withdraws connections.
own='(/jit/v1/|/Me$)'
failed=0
judge --include-path-regex "$own" || failed=1
judge --exclude-path-regex "$own" || failed=1
exit "$failed"
