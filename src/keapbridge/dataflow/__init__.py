"""The dataflow document and its checklist, made of the mappers in force. Pure."""
