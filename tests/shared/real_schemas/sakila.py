"""Sakila, MySQL's film shop: a customer's address is a row of its own, in a city, in a country."""

from __future__ import annotations

from real_schemas.case import RealSchema

CASE = RealSchema(
    name="sakila",
    engine="mariadb",
    version="Sakila 1.2 of MySQL's documentation: customer, address, city, country, film, store",
    guessed="the location of an address, actors, rentals and full texts are left out",
    sql="""
        CREATE TABLE country (
            country_id smallint unsigned NOT NULL AUTO_INCREMENT PRIMARY KEY, country varchar(50) NOT NULL,
            last_update timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP
        );
        CREATE TABLE city (
            city_id smallint unsigned NOT NULL AUTO_INCREMENT PRIMARY KEY, city varchar(50) NOT NULL,
            country_id smallint unsigned NOT NULL,
            last_update timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP,
            CONSTRAINT fk_city_country FOREIGN KEY (country_id) REFERENCES country (country_id)
        );
        CREATE TABLE address (
            address_id smallint unsigned NOT NULL AUTO_INCREMENT PRIMARY KEY, address varchar(50) NOT NULL,
            address2 varchar(50), district varchar(20) NOT NULL, city_id smallint unsigned NOT NULL,
            postal_code varchar(10), phone varchar(20) NOT NULL,
            last_update timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP,
            CONSTRAINT fk_address_city FOREIGN KEY (city_id) REFERENCES city (city_id)
        );
        CREATE TABLE store (
            store_id tinyint unsigned NOT NULL AUTO_INCREMENT PRIMARY KEY,
            manager_staff_id tinyint unsigned NOT NULL
        );
        CREATE TABLE customer (
            customer_id smallint unsigned NOT NULL AUTO_INCREMENT PRIMARY KEY, store_id tinyint unsigned NOT NULL,
            first_name varchar(45) NOT NULL, last_name varchar(45) NOT NULL, email varchar(50),
            address_id smallint unsigned NOT NULL, active boolean NOT NULL DEFAULT TRUE,
            create_date datetime NOT NULL,
            last_update timestamp DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP,
            CONSTRAINT fk_customer_address FOREIGN KEY (address_id) REFERENCES address (address_id),
            CONSTRAINT fk_customer_store FOREIGN KEY (store_id) REFERENCES store (store_id)
        );
        CREATE TABLE film (
            film_id smallint unsigned NOT NULL AUTO_INCREMENT PRIMARY KEY, title varchar(128) NOT NULL,
            description text,
            release_year year, rental_duration tinyint unsigned NOT NULL DEFAULT 3,
            rental_rate decimal(4,2) NOT NULL DEFAULT 4.99, length smallint unsigned,
            replacement_cost decimal(5,2) NOT NULL DEFAULT 19.99,
            rating enum('G','PG','PG-13','R','NC-17') DEFAULT 'G',
            last_update timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP
        );
        INSERT INTO country (country) VALUES ('Norway'), ('Canada');
        INSERT INTO city (city, country_id) VALUES ('Oslo', 1), ('Lethbridge', 2);
        INSERT INTO address (address, district, city_id, postal_code, phone) VALUES
            ('1 North Road', 'Oslo', 1, '0150', '22123456'), ('2 West Lane', 'Alberta', 2, '', '4035551234');
        INSERT INTO store (manager_staff_id) VALUES (1);
        INSERT INTO customer (store_id, first_name, last_name, email, address_id, create_date, last_update) VALUES
            (1, 'MARY', 'NORD', 'MARY.NORD@example.org', 1, '2006-02-14 22:04:36', '2006-02-15 04:57:20'),
            (1, 'PAT', 'WEST', 'PAT.WEST@example.org', 2, '2006-02-14 22:04:36', '2006-02-15 04:57:20');
        INSERT INTO film (title, description, rental_rate, last_update) VALUES
            ('ACADEMY CASE', 'A tale', 0.99, '2006-02-15 05:03:42'), ('BASIN CASE', 'A story', 4.99,
            '2006-02-15 05:03:42');
    """,
    edits=(
        ('        created="create_date",\n', '        created="create_date",\n        on_create={"store_id": 1},\n'),
        ('insert="before",', 'insert="before",\n                on_create={"city_id": 1},'),
    ),
    records={"contacts": 2, "products": 2},
    theirs=("contacts", "customer", "last_name", "customer_id", 1, "North"),
    changes={"family_name": "North"},
    ours=("UPDATE address SET city_id = 2 WHERE address_id = 1", "addresses.0.locality=Lethbridge"),
    stamps=frozenset({"last_update"}),
    told=("customer: store_id is NOT NULL without a default",),
    makes=("customer", "address"),
    made="""
        INSERT INTO address (address, district, city_id, phone) VALUES ('1 New Way', 'Alberta', 1, '');
        INSERT INTO customer (store_id, first_name, last_name, email, address_id, create_date) VALUES
            (1, 'IDA', 'NOVA', 'ida@example.org', LAST_INSERT_ID(), now())
    """,
)
