#!/usr/bin/env bash
# run-scim2-tester.sh sqlite|postgres BINARY ENVIRONMENT: our server on a fresh database, and scim2-tester against it twice:
# with the push token of a connection, and with the administrator's. The tenant has a type of its own, with every kind of
# attribute of which the tester can make values (it has none of decimals and dateTimes), and
# users have attributes of its own: the tester finds both by discovery.
set -euo pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
engine="$1"
export SCIM2_TESTER="$3"
source "$here/server.sh"
serve_for_referee "$engine" "$2" "$SCIM2_TESTER/bin/python"

define() { # define schema|resource-type < JSON
  cat >"$referee_folder/definition.json"
  "$2" "$1" put "$referee_folder/definition.json" --tenant acme --database "$referee_database" >/dev/null
}
define schema "$2" <<'JSON'
{
  "id": "urn:okta:scim:schemas:core:1.0:Entitlement", "name": "Entitlement",
  "attributes": [
    { "name": "code", "required": true, "uniqueness": "server" },
    { "name": "displayName" },
    { "name": "type", "caseExact": true },
    { "name": "seats", "type": "integer" },
    { "name": "grantable", "type": "boolean" },
    { "name": "picture", "type": "binary" },
    { "name": "home", "type": "reference", "referenceTypes": ["external"] },
    { "name": "origin", "mutability": "immutable" },
    { "name": "notes", "returned": "request" },
    { "name": "tags", "multiValued": true },
    { "name": "vendor", "type": "complex", "subAttributes": [{ "name": "name" }, { "name": "seats", "type": "integer" }] },
    { "name": "aliases", "type": "complex", "multiValued": true,
      "subAttributes": [{ "name": "value" }, { "name": "type" }, { "name": "primary", "type": "boolean" }] }
  ]
}
JSON
define resource-type "$2" <<'JSON'
{ "name": "Entitlement", "endpoint": "/Entitlements", "schema": "urn:okta:scim:schemas:core:1.0:Entitlement", "pushed": true }
JSON
define schema "$2" <<'JSON'
{
  "id": "urn:acme:scim:schemas:1.0:Badge", "name": "Badge",
  "attributes": [
    { "name": "number", "uniqueness": "server" },
    { "name": "colour" },
    { "name": "doors", "type": "complex", "multiValued": true, "subAttributes": [{ "name": "value" }, { "name": "floor", "type": "integer" }] }
  ]
}
JSON
define resource-type "$2" <<'JSON'
{ "name": "User", "schemaExtensions": [{ "schema": "urn:acme:scim:schemas:1.0:Badge", "required": false }] }
JSON

failed=0
"$here/scim2-tester.sh" "$origin/t/acme/scim/v2" "$(token scim)" "$engine, push token" || failed=1
"$here/scim2-tester.sh" "$origin/t/acme/scim/v2" "$(token admin)" "$engine, admin token" || failed=1
exit "$failed"
