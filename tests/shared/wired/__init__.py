"""The machine's other game: the same laws over the library's own clients, Keap's emulator and five kinds of Customcrm.

What `two_systems` plays with fakes is played here with all that lies between them and a host: HTTP, JSON, databases, an
API that was declared, a Keap whose habits are drawn, and which its client knows or has to find out. So it comes to
what only real clients have: lists that go on, rows that are written together, lists of users and lead sources, checks.

places      the systems, and what lies between them and the library
world       one pair of systems, the sessions over them, and what is known of what people typed
checks      the laws, after each piece of work and once all has healed
people      what people do, and runs while they go on
hosts       what a host asks a session for, and says to it
marks       tags, and who is the same
accidents   what no person types
slips       what a host gets wrong
shown       scenes of openings: what systems show and leave out
scenes      scenes of openings: what happens meanwhile, at the first look, or too late
openings    rare states that games begin with
game        all of it as one machine; `python -m wired` plays both games
"""

from wired.game import TwoWiredSystems

__all__ = ["TwoWiredSystems"]
