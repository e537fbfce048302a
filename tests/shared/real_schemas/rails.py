"""People and companies in one table of Ruby on Rails, told apart by its column for inheritance."""

from __future__ import annotations

from real_schemas.case import RealSchema

CASE = RealSchema(
    name="rails",
    engine="postgresql",
    version="Rails 7.1: single table inheritance by `type`, `t.timestamps` with six digits; discard's soft deletion",
    guessed="which columns the classes Person and Company have",
    sql="""
        CREATE TABLE ar_internal_metadata (key varchar PRIMARY KEY, value varchar);
        CREATE TABLE parties (
            id bigserial PRIMARY KEY, type varchar NOT NULL, name varchar, first_name varchar, last_name varchar,
            email varchar, phone varchar, company_id bigint REFERENCES parties (id), discarded_at timestamp(6),
            created_at timestamp(6) NOT NULL, updated_at timestamp(6) NOT NULL
        );
        INSERT INTO parties (type, name, email, created_at, updated_at) VALUES
            ('Company', 'Acorn AS', 'post@example.org', '2026-01-02 10:00:00', '2026-01-02 10:00:00');
        INSERT INTO parties (type, first_name, last_name, email, phone, company_id, created_at, updated_at) VALUES
            ('Person', 'Ada', 'Berg', 'ada@example.org', '22 12 34 56', 1, '2026-01-02 10:00', '2026-01-02 10:00'),
            ('Person', 'Bo', 'Dahl', 'bo@example.org', NULL, NULL, '2026-01-02 10:00', '2026-01-02 10:00');
    """,
    records={"companies": 1, "contacts": 2},
    theirs=("contacts", "parties", "last_name", "id", 2, "Bergström"),
    changes={"family_name": "Bergström"},
    ours=(
        "UPDATE parties SET phone = '22 12 34 57', updated_at = now() WHERE id = 2",
        "phone_numbers.0.number=+4722123457",
    ),
    stamps=frozenset({"updated_at"}),
    default_region="NO",
    makes=("parties",),
    made="""
        INSERT INTO parties (type, first_name, last_name, email, created_at, updated_at) VALUES
            ('Person', 'Ida', 'Nova', 'ida@example.org', now(), now())
    """,
)
