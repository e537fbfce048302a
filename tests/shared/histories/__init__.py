"""Histories of two systems: what people and programs do to them in a month, and what must be so in the end.

A world is Keap's emulator and one of three CRMs (the emulator, a database, an API that was declared) with a clock that
belongs to the test. An ordinary month is drawn from a seed; a model of the truth, which knows nothing of the library,
keeps what everybody typed. An accident is what no person typed: a restore, an emptied column, another record under an
old id.

systems    the four systems with one face, in the words of the mapping
wire       what lies between them and the library: calls in process, and hands that change what passes
world      two systems, a session over them, and what its runs said
months     ordinary months
accidents  what must be noticed, in Customcrm and in Keap
"""
