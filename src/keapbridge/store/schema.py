"""The tables of the link store. `migrations/` brings a database to this state; a test holds the two together.

Every row belongs to a bridge (a session name), so that one database serves many pairs of systems.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    text,
)

__all__ = ["HEAD", "metadata", "versions"]

HEAD = "0029"

metadata = MetaData()

# Which version of the schema a database has: one row. It is made by the first upgrade, and no part of the schema.
versions = Table(
    "keapbridge_version",
    MetaData(),
    Column("version_num", String(32), nullable=False),
    PrimaryKeyConstraint("version_num", name="keapbridge_version_pkc"),
)

links = Table(
    "keapbridge_links",
    metadata,
    Column("bridge", String(100), primary_key=True),
    Column("object", String(30), primary_key=True),
    Column("customcrm_id", String(255), primary_key=True),
    Column("keap_id", String(255), nullable=False),
    Column("customcrm_base", Text, nullable=False),
    # null, as JSON: the same as Customcrm's.
    Column("keap_base", Text, nullable=False),
    # Of the last snapshot of each side that needed nothing; NULL while something is open.
    Column("customcrm_digest", String(32)),
    Column("keap_digest", String(32)),
    # The fingerprint of the text that a snapshot was read from, with half of its digest behind it: a record
    # that comes in the same text need not be read while the digest is still the last one that needed nothing.
    Column("customcrm_mark", String(80)),
    Column("keap_mark", String(80)),
    # What was written and is still to be shown by a side; NULL for nearly all.
    Column("awaited", Text),
    # What the two records showed of their lives when they were settled last: when they were made, and changed.
    Column("customcrm_born", String(40)),
    Column("keap_born", String(40)),
    Column("customcrm_changed", String(40)),
    Column("keap_changed", String(40)),
    # What was decided and is not known to be written to both sides; NULL for nearly all.
    Column("decided", Text),
    # What was known of fields when they left the mapping; NULL for nearly all.
    Column("aside", Text),
    Index("ux_keapbridge_links_keap", "bridge", "object", "keap_id", unique=True),
)

observed = Table(
    "keapbridge_observed",
    metadata,
    Column("bridge", String(100), primary_key=True),
    Column("object", String(30), primary_key=True),
    Column("side", String(10), primary_key=True),
    Column("id", String(255), primary_key=True),
    Column("linked", Boolean, nullable=False),
    Column("snapshot", Text, nullable=False),
    Column("unreadable", Text, nullable=False),
    Column("absent", Text),
    Column("aliases", Text),
    Column("updated_at", String(40)),
    Column("version", String(255)),
    Column("problem", Text),
    Column("mark", String(80)),
    # The plan whose scan saw it last.
    Column("seen_in", String(40)),
    Column("born", String(40)),
    Column("changed", String(40)),
    # NULL: it did not.
    Column("went_back", Boolean),
    # Without what is not linked: at first contact that is everything, and it is asked for as a whole.
    Index(
        "ix_keapbridge_observed_linked",
        *("bridge", "object", "side", "id"),
        sqlite_where=text("linked IS 1"),
        postgresql_where=text("linked IS true"),
    ),
)

# What linked records are found by, in the order in which it comes. SQLite has none of its indexes while very much comes
# (`sql.indexing`). The keys of what is linked to nothing are made when they are compared (`sql.scratch`).
match_keys = Table(
    "keapbridge_match_keys",
    metadata,
    Column("bridge", String(100), nullable=False),
    Column("object", String(30), nullable=False),
    # The link; and whose of its records the key is: a side's, or that of both, which is written once.
    Column("customcrm_id", String(255), nullable=False),
    Column("side", String(10), nullable=False),
    Column("rank", Integer, nullable=False),
    # 0 for the only key of its rank; several are counted from 1.
    Column("slot", Integer, nullable=False),
    Column("key", Text, nullable=False),
    # NULL: as the key itself.
    Column("spelt", Text),
    Column("apart", Text, nullable=False),
    Column("stronger", Text, nullable=False),
    Index("ix_keapbridge_match_keys", "bridge", "object", "rank", "key"),
    Index("ix_keapbridge_match_keys_link", "bridge", "object", "customcrm_id"),
)

# The linked records that a complete scan has seen so far, a page in a row: what it has not is found at its end.
seen = Table(
    "keapbridge_seen_pages",
    metadata,
    Column("seq", Integer, primary_key=True, autoincrement=True),
    Column("bridge", String(100), nullable=False),
    Column("object", String(30), nullable=False),
    Column("side", String(10), nullable=False),
    # As a JSON array of texts.
    Column("ids", Text, nullable=False),
    Index("ix_keapbridge_seen_pages", "bridge", "object", "side"),
)

# Linked records that a complete scan did not show or a change list calls deleted; proven once a look-up answers 404.
missing = Table(
    "keapbridge_missing",
    metadata,
    Column("bridge", String(100), primary_key=True),
    Column("object", String(30), primary_key=True),
    Column("side", String(10), primary_key=True),
    Column("id", String(255), primary_key=True),
    Column("proven", Boolean, nullable=False),
)

# Records that lost their partner. None is made for them anew; those kept `apart` are not matched with others either.
# When a record was made and what it held tell whether one that comes under its id is another one; NULL: not known.
tombstones = Table(
    "keapbridge_tombstones",
    metadata,
    Column("bridge", String(100), primary_key=True),
    Column("object", String(30), primary_key=True),
    Column("side", String(10), primary_key=True),
    Column("id", String(255), primary_key=True),
    Column("reason", Text, nullable=False),
    Column("apart", Boolean, nullable=False),
    Column("born", Text),
    Column("known", Text),
)

# Two records that a person has told apart: a row for each of the two, which names the other one.
told_apart = Table(
    "keapbridge_told_apart",
    metadata,
    Column("bridge", String(100), primary_key=True),
    Column("object", String(30), primary_key=True),
    Column("side", String(10), primary_key=True),
    Column("id", String(255), primary_key=True),
    Column("other_side", String(10), primary_key=True),
    Column("other_id", String(255), primary_key=True),
    Column("run_id", String(40), nullable=False),
    Column("told_at", String(40), nullable=False),
    # The name of a person; NULL where nobody has said it.
    Column("decided_by", Text),
)

failures = Table(
    "keapbridge_failures",
    metadata,
    Column("bridge", String(100), primary_key=True),
    Column("object", String(30), primary_key=True),
    Column("side", String(10), primary_key=True),
    Column("id", String(255), primary_key=True),
    Column("reason", Text, nullable=False),
    Column("tries", Integer, nullable=False),
    Column("next_try_at", String(40)),
)

# Who is at work on a bridge; and of which two systems it is, which every run has to know before all else.
leases = Table(
    "keapbridge_leases",
    metadata,
    Column("bridge", String(100), primary_key=True),
    Column("holder", String(40)),
    Column("expires_at", String(40), nullable=False),
    # The Keap application and the Customcrm whose records are linked; NULL where it is not known yet.
    Column("keap", String(255)),
    Column("customcrm", String(400)),
)

cursors = Table(
    "keapbridge_cursors",
    metadata,
    Column("bridge", String(100), primary_key=True),
    Column("object", String(30), primary_key=True),
    Column("side", String(10), primary_key=True),
    Column("watermark", String(40), nullable=False),
    Column("newest", Text),
)

facts = Table(
    "keapbridge_facts",
    metadata,
    Column("bridge", String(100), primary_key=True),
    Column("name", String(60), primary_key=True),
    Column("value", Text, nullable=False),
)

plans = Table(
    "keapbridge_plans",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("bridge", String(100), nullable=False),
    Column("created_at", String(40), nullable=False),
    Column("objects", Text, nullable=False),
    Column("counts", Text, nullable=False),
    Column("unchanged", Text, nullable=False),
    Column("watermarks", Text, nullable=False),
    Column("newest", Text),
    Column("totals", Text, nullable=False),
    Column("purpose", String(10), nullable=False),
    Column("applied_at", String(40)),
)

actions = Table(
    "keapbridge_actions",
    metadata,
    Column("plan_id", String(40), primary_key=True),
    Column("seq", Integer, primary_key=True),
    Column("object", String(30), nullable=False),
    Column("kind", String(10), nullable=False),
    Column("customcrm_id", String(255)),
    Column("keap_id", String(255)),
    Column("body", Text, nullable=False),
    Index("ix_keapbridge_actions_kind", "plan_id", "kind", "object", "seq"),
    # No two begin alike: a PostgreSQL that has no statistics yet takes them for equally good, and may read all of one.
    Index("ix_keapbridge_actions_customcrm", "customcrm_id", "plan_id", "object"),
    Index("ix_keapbridge_actions_keap", "keap_id", "plan_id", "object"),
)

runs = Table(
    "keapbridge_runs",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("bridge", String(100), nullable=False),
    Column("plan_id", String(40), nullable=False),
    Column("started_at", String(40), nullable=False),
    Column("ended_at", String(40)),
    Column("counts", Text),
    # 1 for one that came to its end; NULL while it has not ended, and for runs of earlier versions.
    Column("complete", Integer),
    # The name of a person; NULL where nobody has said it.
    Column("decided_by", Text),
    # What ended it before its time; NULL for nearly all.
    Column("why", Text),
)

lines = Table(
    "keapbridge_lines",
    metadata,
    Column("seq", Integer, primary_key=True, autoincrement=True),
    Column("run_id", String(40), nullable=False),
    Column("body", Text, nullable=False),
    # Where it is one that people look for; NULL for all that went well, and for lines of earlier versions.
    Column("outcome", String(20)),
    Index("ix_keapbridge_lines_run", "run_id", "seq"),
    Index(
        "ix_keapbridge_lines_outcome",
        *("run_id", "outcome", "seq"),
        sqlite_where=text("outcome IS NOT NULL"),
        postgresql_where=text("outcome IS NOT NULL"),
    ),
)

intents = Table(
    "keapbridge_intents",
    metadata,
    Column("id", String(60), primary_key=True),
    Column("bridge", String(100), nullable=False),
    Column("object", String(30), nullable=False),
    Column("side", String(10), nullable=False),
    Column("source_id", String(255), nullable=False),
    Column("draft", Text, nullable=False),
    Column("created_at", String(40), nullable=False),
    # The record that it was written over, since when, and what that one held; NULL where it was not.
    Column("over", String(255)),
    Column("over_at", String(40)),
    Column("before", Text),
    Index("ux_keapbridge_intents", "bridge", "object", "side", "source_id", unique=True),
)

journal = Table(
    "keapbridge_journal",
    metadata,
    Column("seq", Integer, primary_key=True, autoincrement=True),
    Column("run_id", String(40), nullable=False),
    Column("bridge", String(100), nullable=False),
    Column("object", String(30), nullable=False),
    Column("side", String(10), nullable=False),
    Column("record_id", String(255), nullable=False),
    Column("partner_id", String(255), nullable=False),
    Column("kind", String(10), nullable=False),
    Column("before", Text, nullable=False),
    Column("after", Text, nullable=False),
    Column("written_at", String(40), nullable=False),
    # Both in the notation of the system; NULL where it is not known.
    Column("raw", Text),
    # The records of the other side whose values are in `before`; NULL for nearly all.
    Column("sources", Text),
    Index("ix_keapbridge_journal_run", "run_id", "seq"),
    Index("ix_keapbridge_journal_record", "bridge", "object", "side", "record_id"),
)

# Values that were lost in a write, counted for a day: digests of what is there instead, and of what was there.
overwrites = Table(
    "keapbridge_overwrites",
    metadata,
    Column("bridge", String(100), primary_key=True),
    Column("object", String(30), primary_key=True),
    Column("side", String(10), primary_key=True),
    Column("field", String(255), primary_key=True),
    Column("after", String(60), primary_key=True),
    Column("record_id", String(255), primary_key=True),
    Column("before", String(60), nullable=False),
    Column("written_at", String(40), nullable=False),
    Index("ix_keapbridge_overwrites_written", "bridge", "written_at"),
)

# Tokens of Keap applications, and who renews them at the moment.
tokens = Table(
    "keapbridge_tokens",
    metadata,
    Column("name", String(100), primary_key=True),
    Column("body", Text),
    Column("holder", String(40)),
    Column("locked_until", String(40)),
)

# What is known of the limits of a key (by its digest), and the calls that wait for their turn.
paces = Table(
    "keapbridge_paces",
    metadata,
    Column("key", String(40), primary_key=True),
    Column("entry", Text, nullable=False),
)

# What webhooks delivered: one row for each record of each event. Rows that are done are kept for a while: they tell
# duplicates.
inbox = Table(
    "keapbridge_inbox",
    metadata,
    # SQLite numbers rows by itself only where the type is exactly INTEGER, which is as large there.
    Column("seq", BigInteger().with_variant(Integer(), "sqlite"), primary_key=True, autoincrement=True),
    Column("bridge", String(100), nullable=False),
    Column("object", String(30), nullable=False),
    Column("side", String(10), nullable=False),
    Column("id", String(255), nullable=False),
    Column("event", String(30), nullable=False),
    # What tells two events of one kind about one record apart: when it happened, or the message that told of it.
    Column("mark", String(255), nullable=False),
    Column("received_at", String(40), nullable=False),
    Column("due_at", String(40), nullable=False),
    Column("state", String(10), nullable=False),
    Column("tries", Integer, nullable=False),
    Index("ux_keapbridge_inbox", "bridge", "object", "side", "id", "event", "mark", unique=True),
    Index("ix_keapbridge_inbox_due", "bridge", "state", "due_at"),
    Index("ix_keapbridge_inbox_received", "bridge", "received_at"),
    # What is still to be done, of all bridges: seldom much.
    Index(
        "ix_keapbridge_inbox_open",
        *("bridge", "due_at"),
        sqlite_where=text("state = 'open'"),
        postgresql_where=text("state = 'open'"),
    ),
    # A number is never given twice, also when the newest rows have been pruned.
    sqlite_autoincrement=True,
)

# Signed webhooks that were taken, so that none is taken twice.
messages = Table(
    "keapbridge_messages",
    metadata,
    Column("bridge", String(100), primary_key=True),
    Column("id", String(255), primary_key=True),
    Column("signed_at", BigInteger, nullable=False),
    Column("received_at", String(40), nullable=False),
)

# What people have asked for on the console's pages, and what came of it: all processes know it for a while.
works = Table(
    "keapbridge_works",
    metadata,
    Column("bridge", String(100), primary_key=True),
    Column("about", String(64), primary_key=True),
    Column("what", Text, nullable=False),
    Column("decided_by", Text, nullable=False),
    Column("began_at", String(40), nullable=False),
    # NULL while it is under way, or was cut off.
    Column("ended_at", String(40)),
    # The page on which its outcome stands; NULL where an error ended it.
    Column("page", Text),
    Column("error", Text),
)

# The tenants of a fleet: when each is due, by lane, and its job in the queue, if there is one; and how it stands.
tenants = Table(
    "keapbridge_tenants",
    metadata,
    Column("bridge", String(100), primary_key=True),
    Column("settings", Text, nullable=False),
    Column("every", Float, nullable=False),  # in seconds, as the next
    Column("full_every", Float),
    Column("weight", Float, nullable=False),
    Column("paused", Boolean, nullable=False),
    Column("token", String(128), nullable=False),
    Column("added_at", String(40), nullable=False),
    Column("sync_at", String(40)),
    Column("sync_job", BigInteger),
    Column("hooks_at", String(40)),
    Column("hooks_job", BigInteger),
    Column("watch_at", String(40)),
    Column("watch_job", BigInteger),
    Column("full_at", String(40)),
    Column("began_at", String(40)),
    Column("ended_at", String(40)),
    Column("complete_at", String(40)),
    Column("outcome", String(20), nullable=False),
    Column("why", Text, nullable=False),
    Column("in_row", Integer, nullable=False),
    Column("quota_left", BigInteger),
    Column("conflicts", Integer, nullable=False),
    Index("ux_keapbridge_tenants_token", "token", unique=True),
    # What is due is found without looking at all the others.
    Index("ix_keapbridge_tenants_sync", "sync_at"),
    Index("ix_keapbridge_tenants_hooks", "hooks_at"),
    Index("ix_keapbridge_tenants_watch", "watch_at"),
)
