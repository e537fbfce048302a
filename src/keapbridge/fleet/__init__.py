"""Many tenants on many machines: each a session of its own, all on one PostgreSQL, which also holds the queue.

```python
from keapbridge.fleet import Fleet, Tenant

fleet = Fleet("postgresql+psycopg://…", open=open_session)
fleet.tenants.add(Tenant("acme", settings={"key": "vault:acme"}))
fleet.run_worker(concurrency=8)
```
"""

from keapbridge.decide.shares import Quota
from keapbridge.fleet.fleet import Fleet
from keapbridge.fleet.status import FleetStatus, TenantStatus
from keapbridge.fleet.tenants import TenantHandle, Tenants
from keapbridge.model.tenant import Tenant

__all__ = ["Fleet", "FleetStatus", "Quota", "Tenant", "TenantHandle", "TenantStatus", "Tenants"]
