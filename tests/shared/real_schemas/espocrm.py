"""EspoCRM: e-mail addresses and phone numbers are tables of their own behind relations; a contact names its account."""

from __future__ import annotations

from real_schemas.case import RealSchema

CASE = RealSchema(
    name="espocrm",
    engine="mariadb",
    version="EspoCRM 7.5: account, contact, email_address, entity_email_address, phone_number, entity_phone_number",
    guessed="phone numbers are left where they are; columns of campaigns and portals are left out",
    sql="""
        CREATE TABLE account (
            id varchar(24) NOT NULL PRIMARY KEY, name varchar(249), deleted tinyint(1) DEFAULT 0,
            website varchar(255),
            type varchar(255), industry varchar(255), billing_address_street varchar(255),
            billing_address_city varchar(255),
            billing_address_state varchar(255), billing_address_country varchar(255),
            billing_address_postal_code varchar(255), shipping_address_city varchar(255), description mediumtext,
            created_at datetime, modified_at datetime, created_by_id varchar(24)
        );
        CREATE TABLE contact (
            id varchar(24) NOT NULL PRIMARY KEY, deleted tinyint(1) DEFAULT 0, salutation_name varchar(255),
            first_name varchar(100), last_name varchar(100), account_id varchar(24), description mediumtext,
            do_not_call tinyint(1) NOT NULL DEFAULT 0, address_street varchar(255), address_city varchar(255),
            address_state varchar(255), address_country varchar(255), address_postal_code varchar(255),
            created_at datetime, modified_at datetime, created_by_id varchar(24)
        );
        CREATE TABLE email_address (
            id varchar(24) NOT NULL PRIMARY KEY, name varchar(255), deleted tinyint(1) DEFAULT 0,
            lower varchar(255),
            invalid tinyint(1) NOT NULL DEFAULT 0, opt_out tinyint(1) NOT NULL DEFAULT 0
        );
        CREATE TABLE entity_email_address (
            id bigint(20) NOT NULL AUTO_INCREMENT PRIMARY KEY, entity_id varchar(24), email_address_id varchar(24),
            entity_type varchar(100), `primary` tinyint(1) DEFAULT 0, deleted tinyint(1) DEFAULT 0,
            UNIQUE KEY entity_email (entity_id, email_address_id, entity_type)
        );
        INSERT INTO account (id, name, created_at, modified_at, billing_address_city) VALUES
            ('64aa00000000000a1', 'Acorn Ltd', '2026-01-01 09:00:00', '2026-01-01 09:00:00', 'Leeds');
        INSERT INTO contact (id, salutation_name, first_name, last_name, account_id, address_city, created_at,
        modified_at)
            VALUES
            ('64aa00000000000c1', 'Ms.', 'Mia', 'Oak', '64aa00000000000a1', 'Leeds', '2026-01-01 09:00:00',
             '2026-01-01 09:00:00'),
            ('64aa00000000000c2', 'Mr.', 'Tom', 'Elm', NULL, 'York', '2026-01-01 09:00:00', '2026-01-01 09:00:00');
        INSERT INTO email_address (id, name, lower) VALUES
            ('64aa00000000000e1', 'Mia@example.org', 'mia@example.org'), ('64aa00000000000e2', 'tom@example.org',
             'tom@example.org');
        INSERT INTO entity_email_address (entity_id, email_address_id, entity_type, `primary`) VALUES
            ('64aa00000000000c1', '64aa00000000000e1', 'Contact', 1),
            ('64aa00000000000c2', '64aa00000000000e2', 'Contact', 1);
    """,
    records={"contacts": 2, "companies": 1},
    theirs=("contacts", "contact", "first_name", "id", "64aa00000000000c1", "Maya"),
    changes={"given_name": "Maya"},
    ours=("UPDATE contact SET last_name = 'Elmes', modified_at = now() WHERE id LIKE '%%c2'", "family_name=Elmes"),
    stamps=frozenset({"modified_at"}),
    told=("EspoCRM: these look like its tables",),
    makes=("contact", "entity_email_address", "email_address"),
    made="""
        INSERT INTO contact (id, first_name, last_name, created_at, modified_at) VALUES
            ('64aa00000000000c9', 'Ida', 'Nova', '2026-01-01 09:00:00', now());
        INSERT INTO email_address (id, name, lower) VALUES ('64aa00000000000e9', 'Ida@example.org', 'ida@example.org');
        INSERT INTO entity_email_address (entity_id, email_address_id, entity_type, `primary`) VALUES
            ('64aa00000000000c9', '64aa00000000000e9', 'Contact', 1)
    """,
)
