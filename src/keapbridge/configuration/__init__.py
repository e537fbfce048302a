"""One file that says it all: clients, mapping, policy and schedule of a session in `keapbridge.toml`.

`file` is what such a file holds, as values; `opening` makes a session of it; `secrets` tells where secrets come from;
`template` is what `keapbridge init` writes.
"""

from keapbridge.configuration.file import Configuration, Schedule
from keapbridge.configuration.opening import configuration, load, load_async

__all__ = ["Configuration", "Schedule", "configuration", "load", "load_async"]
