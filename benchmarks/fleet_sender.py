"""What Keap's side of many webhooks is: `python -m benchmarks.fleet_sender ORIGIN PER_SECOND`, in a process of its own.

Each line of its standard input is a delivery as JSON: the path, and the body. Each is sent at its time, and again until
it is acknowledged. Then it tells, as a line of JSON, when it was sent (by the clock that all processes share), how long
its acknowledgement took, and how often it had to be sent.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time

import httpx

AT_ONCE = 100  # as many are under way: whoever waits for its turn has not been sent
AGAIN = 0.2  # seconds until what was not acknowledged is sent again


async def _deliver(http: httpx.AsyncClient, turn: asyncio.Semaphore, path: str, body: str) -> None:
    tries = 0
    while True:
        tries += 1
        async with turn:
            sent = time.monotonic()
            try:
                answer = await http.post(path, content=body, headers={"content-type": "application/json"})
            except httpx.TransportError:
                answer = None
        if answer is not None and answer.status_code == 200:
            print(json.dumps((sent, time.monotonic() - sent, tries)), flush=True)
            return
        await asyncio.sleep(AGAIN)


async def _deliver_all(origin: str, per_second: float) -> None:
    deliveries = [json.loads(line) for line in sys.stdin]
    begun = time.monotonic()
    turn = asyncio.Semaphore(AT_ONCE)
    async with httpx.AsyncClient(base_url=origin, timeout=30.0) as http, asyncio.TaskGroup() as group:
        for number, (path, body) in enumerate(deliveries):
            await asyncio.sleep(begun + number / per_second - time.monotonic())
            group.create_task(_deliver(http, turn, path, body))


if __name__ == "__main__":
    asyncio.run(_deliver_all(sys.argv[1], float(sys.argv[2])))
