"""A process that syncs whenever it is told to: what the tests of this folder kill, and let compete.

Started with a JSON object (`Options`), it answers `ready`; for every line it reads it runs one sync in a session of its
own and answers `done`, `busy`, or `failed` with what the report says. SIGTERM stops the session (`stopped`), Ctrl-C
interrupts it (`interrupted`). A line like `changes 15 40` has the process send itself that signal at that effect.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from datetime import timedelta
from typing import Any

import keapbridge as kb
from keapbridge._flow.drivers import SyncDriver
from keapbridge._flow.effects import Blocking, Effect, Send
from keapbridge.sync import lease


def _say(word: str) -> None:
    sys.stdout.write(f"{word}\n")
    sys.stdout.flush()


def main(options: dict[str, Any]) -> None:
    if options["term"] is not None:
        lease.TERM = timedelta(seconds=options["term"])
    crm = kb.CustomcrmClient(options["crm_url"], auth=kb.BearerToken(options["crm_token"]))
    keap = kb.KeapClient(auth=kb.KeapApiKey(options["keap_key"]), base_url=options["keap_url"])
    with crm, keap:
        _say("ready")
        for line in sys.stdin:
            what, *signalled = line.split()
            driver = Signalling(*map(int, signalled)) if signalled else None
            _say(_sync(crm, keap, options, driver, full=what == "full"))


class Signalling(SyncDriver):
    """Sends its own process a signal at one of the effects of a run."""

    def __init__(self, number: int, at: int) -> None:
        super().__init__()
        self._number, self._left = number, at
        self._lock = threading.Lock()

    def perform(self, effect: Effect) -> Any:
        if isinstance(effect, (Send, Blocking)):
            with self._lock:
                due, self._left = self._left == 0, self._left - 1
            if due:
                os.kill(os.getpid(), self._number)
        return super().perform(effect)


def _sync(
    crm: kb.CustomcrmClient, keap: kb.KeapClient, options: dict[str, Any], driver: Signalling | None, *, full: bool
) -> str:
    with kb.SyncSession(customcrm=crm, keap=keap, store=options["store"], lag=timedelta(0)) as session:
        signal.signal(signal.SIGTERM, lambda *_: session.stop())
        signal.signal(signal.SIGINT, signal.default_int_handler)
        session._driver = driver or session._driver
        try:
            report = session.sync(full=full, wait=options["wait"])
        except kb.SessionBusyError:
            return "busy"
        except KeyboardInterrupt:
            return "interrupted"
    if not report.complete:
        return "stopped"
    if report.ok:
        return "done"
    return "failed " + "; ".join(str(line) for line in report.lines if line.outcome == "failed")


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
