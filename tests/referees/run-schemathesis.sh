#!/usr/bin/env bash
# run-schemathesis.sh sqlite|postgres BINARY ENVIRONMENT [CASES]: our server on a fresh database, and schemathesis, which makes requests
# from openapi.yaml, right and wrong ones: no answer is a 5xx, none has a status, a header or a body that openapi.yaml does not describe.
set -euo pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
source "$here/server.sh"
serve_for_referee "$1" "$2" "$3/bin/python"

ROLLKEEPER_ADMIN="$(token admin)" ROLLKEEPER_JIT="$(token jit.login)"
export ROLLKEEPER_ADMIN ROLLKEEPER_JIT
"$3/bin/schemathesis" --config-file "$here/schemathesis.toml" run "$origin/openapi.yaml" --url "$origin" \
  --phases examples,coverage,fuzzing --max-examples "${4:-20}" --seed 20260 --suppress-health-check all --no-color
