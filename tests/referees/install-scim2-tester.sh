#!/usr/bin/env bash
# install-scim2-tester.sh FOLDER: scim2-tester and scim2-client in a Python environment of their own.
set -euo pipefail
here="$(dirname "${BASH_SOURCE[0]}")"
exec "$here/install.sh" "$here/requirements.txt" "$1"
