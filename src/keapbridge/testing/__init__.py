"""For the tests of host code: emulators of both systems, as servers or ASGI applications (extra `testing`)."""

try:
    import starlette  # noqa: F401 - only to say early and clearly what is missing
    import uvicorn  # noqa: F401
except ImportError as error:
    raise ImportError("the emulators need starlette and uvicorn: pip install 'keapbridge[testing]'") from error

from keapbridge.testing._courier import Delivery
from keapbridge.testing._faults import FAULT_KINDS, Fault, Faults
from keapbridge.testing._server import Recorded, RequestLog
from keapbridge.testing._webhooks import CustomcrmWebhooks
from keapbridge.testing.customcrm import CustomcrmBehaviour, CustomcrmEmulator
from keapbridge.testing.keap import HookBehaviour, KeapBehaviour, KeapEmulator, KeapGrant, KeapOAuthServer, KeapQuota

__all__ = [
    "FAULT_KINDS",
    "CustomcrmBehaviour",
    "CustomcrmEmulator",
    "CustomcrmWebhooks",
    "Delivery",
    "Fault",
    "Faults",
    "HookBehaviour",
    "KeapBehaviour",
    "KeapEmulator",
    "KeapGrant",
    "KeapOAuthServer",
    "KeapQuota",
    "Recorded",
    "RequestLog",
]
