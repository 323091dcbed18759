#!/usr/bin/env bash
# scim2-tester.sh BASE_URL TOKEN [LABEL]: runs scim2-tester, through scim2-cli, against a SCIM server.
#
# Exits 1 on any outcome but SUCCESS that docs/conformance.md does not list. The environment of Python packages is
# SCIM2_TESTER, by default target/referees/scim2-tester (see install-scim2-tester.sh).
set -euo pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
base_url="$1" token="$2" label="${3-$1}"
environment="${SCIM2_TESTER:-$here/../../target/referees/scim2-tester}"

# The token goes through the environment: arguments can be read by everybody on the machine.
code=0
output="$(SCIM_CLI_URL="$base_url" SCIM_CLI_HEADERS="Authorization: Bearer $token" \
  timeout 300 "$environment/bin/scim" test --verbose 2>&1)" || code=$?
"$environment/bin/python" "$here/scim2_tester_summary.py" "$here/../../docs/conformance.md" "$label" "$code" <<<"$output"
