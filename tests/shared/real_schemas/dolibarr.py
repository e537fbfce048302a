"""Dolibarr: third parties, their contacts and products; countries are a table of their own."""

from __future__ import annotations

from real_schemas.case import RealSchema

CASE = RealSchema(
    name="dolibarr",
    engine="mariadb",
    version="Dolibarr 17: llx_societe, llx_socpeople, llx_product, llx_c_country of its installer",
    guessed="about half of the columns are left out: accounting codes, logos, canvases, stock",
    sql="""
        CREATE TABLE llx_c_country (
            rowid integer PRIMARY KEY, code varchar(2) NOT NULL UNIQUE, code_iso varchar(3),
            label varchar(128) NOT NULL,
            eec integer, active tinyint DEFAULT 1 NOT NULL, favorite tinyint DEFAULT 0 NOT NULL
        );
        CREATE TABLE llx_societe (
            rowid integer AUTO_INCREMENT PRIMARY KEY, nom varchar(128), name_alias varchar(128),
            entity integer DEFAULT 1 NOT NULL,
            ref_ext varchar(255), tms timestamp DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP,
            datec datetime,
            status tinyint DEFAULT 1, address varchar(255), zip varchar(25), town varchar(50),
            fk_departement integer DEFAULT 0,
            fk_pays integer DEFAULT 0, phone varchar(30), fax varchar(30), url varchar(255), email varchar(128),
            siren varchar(128), tva_intra varchar(20), note_public text, client tinyint DEFAULT 0,
            fournisseur tinyint DEFAULT 0, code_client varchar(24), import_key varchar(14), fk_user_modif integer
        );
        CREATE TABLE llx_socpeople (
            rowid integer AUTO_INCREMENT PRIMARY KEY, datec datetime,
            tms timestamp DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP, fk_soc integer,
            entity integer DEFAULT 1 NOT NULL, ref_ext varchar(255), civility varchar(6), lastname varchar(50),
            firstname varchar(50), address varchar(255), zip varchar(25), town varchar(255), fk_departement integer,
            fk_pays integer DEFAULT 0, birthday date, poste varchar(255), phone varchar(30),
            phone_perso varchar(30),
            phone_mobile varchar(30), fax varchar(30), email varchar(255), no_email smallint DEFAULT 0 NOT NULL,
            priv smallint DEFAULT 0 NOT NULL, fk_user_creat integer DEFAULT 0, note_public text,
            statut tinyint DEFAULT 1 NOT NULL,
            CONSTRAINT fk_socpeople_fk_soc FOREIGN KEY (fk_soc) REFERENCES llx_societe (rowid)
        );
        CREATE TABLE llx_product (
            rowid integer AUTO_INCREMENT PRIMARY KEY, ref varchar(128) NOT NULL, entity integer DEFAULT 1 NOT NULL,
            datec datetime, tms timestamp DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP,
            label varchar(255) NOT NULL,
            description text, price double(24,8) DEFAULT 0, price_ttc double(24,8) DEFAULT 0,
            tosell tinyint DEFAULT 1,
            tobuy tinyint DEFAULT 1, fk_product_type integer DEFAULT 0, barcode varchar(180), UNIQUE (ref, entity)
        );
        INSERT INTO llx_c_country (rowid, code, code_iso, label) VALUES (1, 'FR', 'FRA', 'France'), (4, 'ES', 'ESP',
        'Spain');
        INSERT INTO llx_societe (nom, address, zip, town, fk_pays, phone, url, email, datec, tms) VALUES
            ('Chêne SARL', '1 rue du Bois', '75011', 'Paris', 1, '+33142000001', 'www.example.org',
            'bonjour@example.org',
             '2026-01-01 09:00:00', '2026-01-01 09:00:00'),
            ('Roble SA', 'Calle Mayor 2', '28013', 'Madrid', 4, '+34910000002', NULL, NULL,
             '2026-01-01 09:00:00', '2026-01-01 09:00:00');
        INSERT INTO llx_socpeople (fk_soc, civility, firstname, lastname, poste, phone, phone_mobile, email,
        birthday, town,
                fk_pays, datec, tms) VALUES
            (1, 'MME', 'Zoé', 'Petit', 'Directrice', '+33142000003', NULL, 'zoe@example.org', '1980-05-06', 'Paris',
            1,
             '2026-01-01 09:00:00', '2026-01-01 09:00:00'),
            (2, 'MR', 'Luis', 'Gil', 'Gerente', NULL, '+34600000004', 'luis@example.org', NULL, 'Madrid', 4,
             '2026-01-01 09:00:00', '2026-01-01 09:00:00');
        INSERT INTO llx_product (ref, label, price, datec, tms) VALUES
            ('P1', 'Chaise', 12.5, '2026-01-01 09:00:00', '2026-01-01 09:00:00'),
            ('P2', 'Table', 99, '2026-01-01 09:00:00', '2026-01-01 09:00:00');
    """,
    records={"contacts": 2, "companies": 2, "products": 2},
    theirs=("contacts", "llx_socpeople", "poste", "rowid", 1, "Présidente"),
    changes={"job_title": "Présidente"},
    ours=("UPDATE llx_product SET price = 13.75 WHERE rowid = 1", "price.amount=1375"),
    stamps=frozenset({"tms"}),
    told=("Dolibarr: these look like its tables",),
    makes=("llx_socpeople",),
    made="""
        INSERT INTO llx_socpeople (firstname, lastname, email) VALUES ('Ida', 'Nova', 'ida@example.org')
    """,
)
