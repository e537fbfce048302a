"""A Keap to try things with: `uvicorn keap:app --port 8801`. It forgets everything when it ends."""

from keapbridge.testing import KeapEmulator

app = KeapEmulator().app  # its key is KeapAK-emulator
