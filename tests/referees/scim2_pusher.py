"""An identity provider's push that nobody here wrote: scim2-client, driven by lines of JSON on standard input.

    python scim2_pusher.py BASE TOKEN

Each line is one act, each answer one line: {"status": "ok", ...} or {"status": "409", "scimType": ..., "detail": ...}.
What is sent and how answers are validated is scim2-client's and scim2-models' affair.
"""

import json
import sys

from httpx2 import Client
from scim2_client.engines.httpx2 import SyncSCIMClient
from scim2_models import Error, SearchRequest


def main() -> None:
    base, token = sys.argv[1:3]
    # With a slash at its end, or a relative URL would replace the last segment.
    http = Client(base_url=base.rstrip("/") + "/", headers={"Authorization": f"Bearer {token}"}, timeout=30)
    client = SyncSCIMClient(http, raise_scim_errors=False)
    client.discover()
    models = {name: client.get_resource_model(name) for name in ("User", "Group")}
    print(json.dumps({"status": "ok", "models": sorted(name for name, model in models.items() if model)}), flush=True)
    for line in sys.stdin:
        act = json.loads(line)
        print(json.dumps(answer(perform(client, models[act["type"]], act))), flush=True)


def perform(client, model, act):
    match act["do"]:
        case "create":
            return client.create(model.model_validate(act["resource"]))
        case "find":
            return client.query(model, query_parameters=SearchRequest(filter=act["filter"]))
        case "read":
            return client.query(model, act["id"])
        case "change":
            # As a provider does: read what is there, change it, put the whole back.
            resource = client.query(model, act["id"])
            if isinstance(resource, Error):
                return resource
            changed = resource.model_dump() | act["changes"]
            return client.replace(model.model_validate(changed))
        case "delete":
            return client.delete(model, act["id"])
    raise ValueError(act)


def answer(result):
    if isinstance(result, Error):
        return {"status": str(result.status), "scimType": result.scim_type, "detail": result.detail}
    if result is None:
        return {"status": "ok"}
    if hasattr(result, "resources"):
        return {"status": "ok", "ids": [resource.id for resource in result.resources or []]}
    return {"status": "ok", "id": result.id, "resource": result.model_dump()}


if __name__ == "__main__":
    main()
