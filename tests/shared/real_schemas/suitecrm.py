"""SuiteCRM: accounts, contacts and their e-mail addresses, which are in a table of their own behind a relation."""

from __future__ import annotations

from real_schemas.case import RealSchema

CASE = RealSchema(
    name="suitecrm",
    engine="mariadb",
    version="SuiteCRM 7.14 (tables as SugarCRM CE 6.5 has them): accounts, contacts, email_addresses and relations",
    guessed="columns of leads, assistants and portals are left out",
    sql="""
        CREATE TABLE accounts (
            id char(36) NOT NULL PRIMARY KEY, name varchar(150), date_entered datetime, date_modified datetime,
            modified_user_id char(36), created_by char(36), description text, deleted tinyint(1) DEFAULT 0,
            account_type varchar(50), industry varchar(50), phone_fax varchar(100),
            billing_address_street varchar(150),
            billing_address_city varchar(100), billing_address_state varchar(100),
            billing_address_postalcode varchar(20),
            billing_address_country varchar(255), phone_office varchar(100), phone_alternate varchar(100),
            website varchar(255), shipping_address_street varchar(150), shipping_address_city varchar(100)
        );
        CREATE TABLE contacts (
            id char(36) NOT NULL PRIMARY KEY, date_entered datetime, date_modified datetime,
            modified_user_id char(36),
            created_by char(36), description text, deleted tinyint(1) DEFAULT 0, assigned_user_id char(36),
            salutation varchar(255), first_name varchar(100), last_name varchar(100), title varchar(100),
            department varchar(255), do_not_call tinyint(1) DEFAULT 0, phone_home varchar(100),
            phone_mobile varchar(100),
            phone_work varchar(100), phone_other varchar(100), phone_fax varchar(100),
            primary_address_street varchar(150),
            primary_address_city varchar(100), primary_address_state varchar(100),
            primary_address_postalcode varchar(20), primary_address_country varchar(255),
            alt_address_street varchar(150),
            alt_address_city varchar(100), birthdate date, lead_source varchar(255)
        );
        CREATE TABLE accounts_contacts (
            id varchar(36) NOT NULL PRIMARY KEY, contact_id varchar(36), account_id varchar(36),
            date_modified datetime,
            deleted tinyint(1) DEFAULT 0
        );
        CREATE TABLE email_addresses (
            id char(36) NOT NULL PRIMARY KEY, email_address varchar(255), email_address_caps varchar(255),
            invalid_email tinyint(1) DEFAULT 0, opt_out tinyint(1) DEFAULT 0, date_created datetime,
            date_modified datetime,
            deleted tinyint(1) DEFAULT 0
        );
        CREATE TABLE email_addr_bean_rel (
            id char(36) NOT NULL PRIMARY KEY, email_address_id char(36) NOT NULL, bean_id char(36) NOT NULL,
            bean_module varchar(100), primary_address tinyint(1) DEFAULT 0, reply_to_address tinyint(1) DEFAULT 0,
            date_created datetime, date_modified datetime, deleted tinyint(1) DEFAULT 0
        );
        INSERT INTO accounts (id, name, date_entered, date_modified, billing_address_city, phone_office) VALUES
            ('a1', 'Acorn Ltd', '2026-01-01 09:00:00', '2026-01-01 09:00:00', 'Leeds', '+441130000001');
        INSERT INTO contacts (id, date_entered, date_modified, salutation, first_name, last_name, title, phone_work,
                primary_address_city, primary_address_country) VALUES
            ('c1', '2026-01-01 09:00:00', '2026-01-01 09:00:00', 'Ms.', 'Mia', 'Oak', 'Sales Manager',
            '+441130000002',
             'Leeds', 'United Kingdom'),
            ('c2', '2026-01-01 09:00:00', '2026-01-01 09:00:00', 'Mr.', 'Tom', 'Elm', 'Buyer', NULL, 'York',
             'United Kingdom');
        INSERT INTO email_addresses (id, email_address, email_address_caps) VALUES
            ('e1', 'mia@example.org', 'MIA@EXAMPLE.ORG'), ('e2', 'tom@example.org', 'TOM@EXAMPLE.ORG');
        INSERT INTO email_addr_bean_rel (id, email_address_id, bean_id, bean_module, primary_address) VALUES
            ('r1', 'e1', 'c1', 'Contacts', 1), ('r2', 'e2', 'c2', 'Contacts', 1);
    """,
    records={"contacts": 2, "companies": 1},
    theirs=("contacts", "contacts", "title", "id", "c1", "Sales Director"),
    changes={"job_title": "Sales Director"},
    ours=(
        "UPDATE contacts SET last_name = 'Elmes', date_modified = UTC_TIMESTAMP() WHERE id = 'c2'",
        "family_name=Elmes",
    ),
    stamps=frozenset({"date_modified"}),
    told=("SuiteCRM or SugarCRM: these look like its tables",),
    makes=("contacts", "email_addr_bean_rel", "email_addresses"),
    made="""
        INSERT INTO contacts (id, date_entered, date_modified, first_name, last_name) VALUES
            ('c9', '2026-01-01 09:00:00', UTC_TIMESTAMP(), 'Ida', 'Nova');
        INSERT INTO email_addresses (id, email_address, email_address_caps) VALUES
            ('e9', 'ida@example.org', 'IDA@EXAMPLE.ORG');
        INSERT INTO email_addr_bean_rel (id, email_address_id, bean_id, bean_module, primary_address) VALUES
            ('r9', 'e9', 'c9', 'Contacts', 1)
    """,
)
