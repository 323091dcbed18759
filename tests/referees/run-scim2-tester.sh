#!/usr/bin/env bash
# run-scim2-tester.sh sqlite|postgres BINARY ENVIRONMENT: our server on a fresh database, and scim2-tester against it twice:
# with the push token of a connection, and with the administrator's.
set -euo pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
engine="$1"
export SCIM2_TESTER="$3"
source "$here/server.sh"
serve_for_referee "$engine" "$2" "$SCIM2_TESTER/bin/python"

failed=0
"$here/scim2-tester.sh" "$origin/t/acme/scim/v2" "$(token scim)" "$engine, push token" || failed=1
"$here/scim2-tester.sh" "$origin/t/acme/scim/v2" "$(token admin)" "$engine, admin token" || failed=1
exit "$failed"
