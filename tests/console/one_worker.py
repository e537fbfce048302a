"""A process that serves the console over a store, one of several: it says where, and ends with its input."""

from __future__ import annotations

import json
import sys
from typing import Any

from browsers import serve

import keapbridge as kb


def main(options: dict[str, Any]) -> None:
    with (
        kb.CustomcrmClient(options["crm_url"], auth=kb.BearerToken(options["crm_token"])) as crm,
        kb.KeapClient(auth=kb.KeapApiKey(options["keap_key"]), base_url=options["keap_url"]) as keap,
        kb.SyncSession(
            customcrm=crm, keap=keap, store=options["store"], policy=kb.Policy(conflicts="manual", max_creates=2)
        ) as session,
        serve(
            kb.console.asgi_app(
                session, authorize=lambda request: kb.console.User(request.headers["x-user"], can_decide=True)
            )
        ) as address,
    ):
        sys.stdout.write(f"{address}\n")
        sys.stdout.flush()
        sys.stdin.read()


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
