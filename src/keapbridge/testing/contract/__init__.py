"""Whether a host's `CustomcrmAdapter` keeps the promises that the engine relies on: a pytest suite to subclass.

```python
from keapbridge.testing import contract


class TestMyAdapter(contract.CustomcrmAdapterContract):
    def make_adapter(self):
        return MyAdapter(connect_to_an_empty_system())
```

A `CustomcrmClient` with the schema of a declared API takes the place of an adapter. What is not promised by the
`capabilities` is not asked. Each failure says what it would break.
"""

from keapbridge.testing.contract.bench import Bench
from keapbridge.testing.contract.making import ODD_TEXTS
from keapbridge.testing.contract.suite import CustomcrmAdapterContract

__all__ = ["ODD_TEXTS", "Bench", "CustomcrmAdapterContract"]
