"""WooCommerce: customers are in a table for look-ups beside WordPress' users; products are posts."""

from __future__ import annotations

from real_schemas.case import RealSchema

CASE = RealSchema(
    name="woocommerce",
    engine="mariadb",
    version="WooCommerce 8 on WordPress 6: wc_customer_lookup, wc_product_meta_lookup, posts, postmeta, users",
    guessed="most columns of posts are left out; no orders",
    sql="""
        CREATE TABLE wp_users (
            ID bigint(20) unsigned NOT NULL AUTO_INCREMENT PRIMARY KEY, user_login varchar(60) NOT NULL DEFAULT '',
            user_pass varchar(255) NOT NULL DEFAULT '', user_nicename varchar(50) NOT NULL DEFAULT '',
            user_email varchar(100) NOT NULL DEFAULT '', user_url varchar(100) NOT NULL DEFAULT '',
            user_registered datetime NOT NULL DEFAULT '2000-01-01 00:00:00', user_status int(11) NOT NULL DEFAULT 0,
            display_name varchar(250) NOT NULL DEFAULT ''
        );
        CREATE TABLE wp_posts (
            ID bigint(20) unsigned NOT NULL AUTO_INCREMENT PRIMARY KEY,
            post_author bigint(20) unsigned NOT NULL DEFAULT 0,
            post_content longtext NOT NULL, post_title text NOT NULL, post_excerpt text NOT NULL,
            post_status varchar(20) NOT NULL DEFAULT 'publish',
            post_modified_gmt datetime NOT NULL DEFAULT '2000-01-01 00:00:00',
            post_type varchar(20) NOT NULL DEFAULT 'post'
        );
        CREATE TABLE wp_postmeta (
            meta_id bigint(20) unsigned NOT NULL AUTO_INCREMENT PRIMARY KEY,
            post_id bigint(20) unsigned NOT NULL DEFAULT 0,
            meta_key varchar(255), meta_value longtext
        );
        CREATE TABLE wp_wc_product_meta_lookup (
            product_id bigint(20) NOT NULL PRIMARY KEY, sku varchar(100) DEFAULT '', `virtual` tinyint(1) DEFAULT 0,
            min_price decimal(19,4), max_price decimal(19,4), onsale tinyint(1) DEFAULT 0, stock_quantity double,
            stock_status varchar(100) DEFAULT 'instock', total_sales bigint(20) DEFAULT 0
        );
        CREATE TABLE wp_wc_customer_lookup (
            customer_id bigint(20) unsigned NOT NULL AUTO_INCREMENT PRIMARY KEY, user_id bigint(20) unsigned,
            username varchar(60) NOT NULL DEFAULT '', first_name varchar(255) NOT NULL,
            last_name varchar(255) NOT NULL,
            email varchar(100), date_last_active timestamp NULL, date_registered timestamp NULL,
            country char(2) NOT NULL DEFAULT '', postcode varchar(20) NOT NULL DEFAULT '',
            city varchar(100) NOT NULL DEFAULT '',
            state varchar(100) NOT NULL DEFAULT '', UNIQUE KEY user_id (user_id)
        );
        INSERT INTO wp_users (user_login, user_email, display_name) VALUES ('admin', 'admin@example.org', 'admin');
        INSERT INTO wp_wc_customer_lookup (first_name, last_name, email, country, postcode, city, state) VALUES
            ('Uma', 'Ray', 'uma@example.org', 'US', '85001', 'Phoenix', 'AZ'),
            ('Vic', 'Sol', 'vic@example.org', 'GB', 'SW1A 1AA', 'London', '');
        INSERT INTO wp_posts (post_title, post_content, post_excerpt, post_type) VALUES
            ('Mug', 'A mug', '', 'product'), ('Hello', 'World', '', 'post');
        INSERT INTO wp_postmeta (post_id, meta_key, meta_value) VALUES (1, '_price', '9.50');
        INSERT INTO wp_wc_product_meta_lookup (product_id, sku, min_price, max_price) VALUES (1, 'MUG', 9.5, 9.5);
    """,
    records={"contacts": 2},
    theirs=("contacts", "wp_wc_customer_lookup", "first_name", "customer_id", 1, "Ulla"),
    changes={"given_name": "Ulla"},
    edits=(('contacts = kb.mapping.contacts.one_way("to_keap")', "contacts = kb.mapping.contacts"),),
    ours=("UPDATE wp_wc_customer_lookup SET last_name = 'Soleil' WHERE customer_id = 2", "family_name=Soleil"),
    told=("WooCommerce: these look like its tables",),
    makes=("wp_wc_customer_lookup",),
    made="""
        INSERT INTO wp_wc_customer_lookup (first_name, last_name, email) VALUES ('Ida', 'Nova', 'ida@example.org')
    """,
)
