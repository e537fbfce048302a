"""The engine: pure decisions (`merge`, `match`, `policy`, `plan`, `report`), the flows that use them, the sessions."""
