"""What is known of e-mail addresses: whether they may be written to, whoever has them."""

from __future__ import annotations

from typing import Any

import attrs

from keapbridge.testing.keap._documents import Document, dicts, words

__all__ = ["MARKETABLE", "Consent", "Consents"]

MARKETABLE = frozenset({"UNENGAGED_MARKETABLE", "SINGLE_OPT_IN", "DOUBLE_OPT_IN", "CONFIRMED"})
# An opt-in reason moves an address out of these only; an unsubscribe stays one.
OPENED_BY_REASON = frozenset({"UNENGAGED_MARKETABLE", "UNENGAGED_NON_MARKETABLE", "NON_MARKETABLE", "MANUAL"})
STATUSES = (
    MARKETABLE
    | OPENED_BY_REASON
    | frozenset(words("LOCKDOWN BOUNCE HARD_BOUNCE ADMIN SYSTEM LIST_UNSUBSCRIBE FEEDBACK SPAM INVALID DEACTIVATED"))
)
_INITIAL_STATUS = "NON_MARKETABLE"
_CONFIRMED_STATUS = "SINGLE_OPT_IN"
_OPTED_OUT_STATUS = "MANUAL"


@attrs.frozen
class Consent:
    """What is known of an email address, whoever has it."""

    status: str = _INITIAL_STATUS
    reason: str | None = None


class Consents:
    """The consent of all addresses that were ever seen. Whoever asks holds the lock of the state."""

    def __init__(self) -> None:
        self._by_address: dict[str, Consent] = {}

    def of(self, email: str) -> Consent:
        """What is known of an address; addresses never seen are not marketable."""
        return self._by_address.get(email.casefold(), Consent())

    def set_status(self, email: str, status: str) -> None:
        """What Keap or the owner of the address does."""
        if status not in STATUSES:
            raise ValueError(f"{status} is not a status of an email address")
        self._by_address[email.casefold()] = attrs.evolve(self.of(email), status=status)

    def ask_opt_in(self, email: str, reason: str) -> bool:
        """Opts the address in as far as Keap lets a reason do that; whether it changed anything."""
        before = self.of(email)
        if before.status in OPENED_BY_REASON:
            self._by_address[email.casefold()] = Consent(_CONFIRMED_STATUS, reason)
        return self.of(email) != before

    def opt_out(self, email: str, reason: str) -> None:
        """Opts a marketable address out by hand."""
        if self.of(email).status in MARKETABLE:
            self._by_address[email.casefold()] = Consent(_OPTED_OUT_STATUS, reason)

    def forget(self, email: str) -> None:
        self._by_address.pop(email.casefold(), None)

    # --- in documents

    def show(self, document: Document) -> None:
        """Says in a document what is known of its addresses."""
        for item in _addresses(document):
            if isinstance(item.get("email"), str):
                consent = self.of(item["email"])
                item["is_opt_in"] = consent.status in MARKETABLE
                item["email_opt_status"] = consent.status
                if consent.reason is not None:
                    item["opt_in_reason"] = consent.reason

    def absorb(self, document: Document) -> bool:
        """Moves what a document says of consent to where it is kept, by address; whether an address was opted in."""
        moved = False
        for item in _addresses(document):
            address = item.get("email")
            item.pop("is_opt_in", None)
            status, reason = item.pop("email_opt_status", None), item.pop("opt_in_reason", None)
            if not isinstance(address, str):
                continue
            if isinstance(status, str) and status != self.of(address).status:
                self.set_status(address, status)
                moved = True
            elif isinstance(reason, str) and status is None:
                moved |= self.ask_opt_in(address, reason)
        return moved


def _addresses(document: Document) -> list[dict[str, Any]]:
    return [*dicts(document.get("email_addresses")), *dicts([document.get("email_address")])]
