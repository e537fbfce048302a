"""Odoo: people and companies are one table, and products a template with a translated name."""

from __future__ import annotations

from real_schemas.case import RealSchema

CASE = RealSchema(
    name="odoo",
    engine="postgresql",
    version="Odoo 16: res.partner, res.country, product.template, product.product of its source",
    guessed="many columns are left out, and the constraints of those that are not read",
    sql="""
        CREATE TABLE ir_model (id serial PRIMARY KEY, model varchar NOT NULL);
        CREATE TABLE ir_model_fields (id serial PRIMARY KEY, name varchar NOT NULL, model varchar NOT NULL);
        CREATE TABLE res_country (id serial PRIMARY KEY, code varchar(2), name jsonb NOT NULL);
        CREATE TABLE res_partner (
            id serial PRIMARY KEY, name varchar, display_name varchar, parent_id integer REFERENCES res_partner,
            company_id integer, commercial_partner_id integer, is_company boolean, active boolean DEFAULT true,
            street varchar,
            street2 varchar, zip varchar, city varchar, country_id integer REFERENCES res_country, email varchar,
            phone varchar,
            mobile varchar, website varchar, function varchar, title integer, email_normalized varchar,
            comment text,
            create_date timestamp, write_date timestamp, create_uid integer, write_uid integer,
            CHECK (name IS NOT NULL)
        );
        CREATE TABLE product_template (
            id serial PRIMARY KEY, name jsonb NOT NULL, default_code varchar, list_price numeric, sale_ok boolean,
            active boolean, description_sale jsonb, create_date timestamp, write_date timestamp
        );
        INSERT INTO res_country (code, name) VALUES ('BE', '{"en_US": "Belgium"}');
        INSERT INTO res_partner (name, display_name, parent_id, commercial_partner_id, is_company, street, zip,
        city, country_id,
                email, phone, function, create_date, write_date) VALUES
            ('Eik BV', 'Eik BV', NULL, 1, true, 'Bosweg 1', '1000', 'Brussel', 1, 'info@example.org', '+3225000001',
            NULL,
             '2026-01-01 09:00:00', '2026-01-01 09:00:00'),
            ('Jan Peeters', 'Eik BV, Jan Peeters', 1, 1, false, NULL, NULL, NULL, 1, 'jan@example.org',
            '+3225000002',
             'Directeur', '2026-01-01 09:00:00', '2026-01-01 09:00:00'),
            ('An Claes', 'Eik BV, An Claes', 1, 1, false, NULL, NULL, NULL, 1, 'an@example.org', NULL, 'Verkoper',
             '2026-01-01 09:00:00', '2026-01-01 09:00:00');
        INSERT INTO product_template (name, default_code, list_price, sale_ok, active) VALUES
            ('{"en_US": "Chair", "nl_BE": "Stoel"}', 'C1', 12.5, true, true),
            ('{"en_US": "Desk", "nl_BE": "Bureau"}', 'D1', 99, true, true);
    """,
    records={"contacts": 2, "companies": 1, "products": 2},
    theirs=("contacts", "res_partner", "function", "id", 2, "Directeur"),
    changes={},
    ours=("UPDATE res_partner SET function = 'Zaakvoerder', write_date = now() WHERE id = 2", "job_title=Zaakvoerder"),
    stamps=frozenset({"write_date"}),
    told=("Odoo: these look like its tables",),
    one_way={"job_title": "Written in Keap"},
)
