"""The words of the engine, as frozen values: sides, records, links, changes, plans, reports. Nothing of ours below."""
