"""A process that calls Keap so many times, from several threads; started by the tests of what processes share.

It answers one line of JSON: how many calls ended in which way, and how long they took.
"""

from __future__ import annotations

import json
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import keapbridge as kb
from keapbridge.keap.pace import KeapPace
from keapbridge.store.database import Database
from keapbridge.store.paces import SqlPaceBook


def client(options: dict[str, Any]) -> kb.KeapClient:
    auth: Any = kb.KeapApiKey(options.get("key", ""), "X-Keap-API-Key") if "key" in options else None
    if "tokens" in options:
        store: Any = kb.FileTokenStore(options["tokens"]) if "database" not in options else None
        store = store or kb.SqlTokenStore(options["database"])
        auth = kb.KeapOAuth(
            client_id=options["client_id"],
            client_secret=options["client_secret"],
            tokens=store,
            token_url=options["token_url"],
        )
    pacing = kb.Pacing(**options["pacing"]) if "pacing" in options else None
    return kb.KeapClient(auth=auth, base_url=options["base_url"], pacing=pacing, retry=kb.RetryPolicy(base=0.01))


def main() -> None:
    options = json.loads(sys.argv[1])
    sys.stdin.readline()  # all start at once
    outcomes: Counter[str] = Counter()
    with client(options) as keap:
        flows = keap.contacts.flows
        if "pacing" in options:
            assert isinstance(flows.port.pace, KeapPace)
            flows = flows.sharing(SqlPaceBook(Database(options["database"])), str(options["name"]))
        driver = keap._driver
        began = time.monotonic()

        def call(_: int) -> str:
            if options.get("seconds") and time.monotonic() - began > options["seconds"]:
                return "over"
            try:
                driver.run(flows.get("1"))
            except kb.ApiError as error:
                return f"{type(error).__name__}: {error}"
            return "answered"

        with ThreadPoolExecutor(options["threads"]) as pool:
            outcomes.update(pool.map(call, range(options["calls"])))
    sys.stdout.write(json.dumps({"outcomes": outcomes, "seconds": time.monotonic() - began}) + "\n")


if __name__ == "__main__":
    main()
