"""What is open in Keap's contract, as switches."""

from __future__ import annotations

from typing import Literal

import attrs


@attrs.frozen
class KeapBehaviour:
    """Switches for what Keap's contract leaves open, and for oddities that integrators have met.

    Attributes:
        null_clears: `null` in a PATCH clears the property; otherwise it is ignored.
        company_custom_fields: A PATCH of a company replaces all of its custom fields, or only those it lists.
        company_writes_answer_everything: POST and PATCH of a company also answer the properties that a GET leaves out
            unless asked for.
        truncate_silently: A text that is too long is cut and stored, instead of refused with 400.
        case_fold_emails: Email addresses are stored in lower case.
        reformat_phones: Phone numbers are stored in the national format of their country, where they can be parsed.
        lose_milliseconds: Answers show `create_time` and `update_time` in whole seconds, cut off.
        refused_refresh: The `error` that answers a refresh token that is used up, expired or unknown.
        reuse_ends_connection: A refresh token that is used twice ends all tokens of its connection.
        throttled_body: The shape of a 429: Keap's own, or the fault of its gateway.
        retry_after: A 429 says in `Retry-After` when to come back, in whole seconds.
    """

    null_clears: bool = True
    company_custom_fields: Literal["replace", "merge"] = "replace"
    company_writes_answer_everything: bool = False
    truncate_silently: bool = False
    case_fold_emails: bool = False
    reformat_phones: bool = False
    lose_milliseconds: bool = False
    refused_refresh: Literal["invalid_grant", "invalid_request"] = "invalid_grant"
    reuse_ends_connection: bool = False
    throttled_body: Literal["keap", "gateway"] = "keap"
    retry_after: bool = False


DEFAULT_BEHAVIOUR = KeapBehaviour()
