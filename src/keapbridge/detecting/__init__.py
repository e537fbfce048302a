"""An API that nobody has described: where its lists are, how they go on, and what its properties are called.

`asking` and `looking` look, and never write; all others are pure. They go from what was seen (`Looked`) to an
`ApiProposal`: a schema as `CustomcrmClient` takes it, the mappings that go with it, and findings.
"""

from keapbridge.detecting.detect import detect_api
from keapbridge.detecting.proposal import ApiProposal

__all__ = ["ApiProposal", "detect_api"]
