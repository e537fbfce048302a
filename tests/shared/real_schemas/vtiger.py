"""vTiger: a record begins in one table of all of them, goes on in several, and its id comes from a sequence table."""

from __future__ import annotations

from real_schemas.case import RealSchema

# Ids come from the application's own sequence: two lines, and one for each of the two tables.
_NEXT = """\
def next_id(key, c):
    c.exec_driver_sql("UPDATE vtiger_crmentity_seq SET id = LAST_INSERT_ID(id + 1)")
    return c.exec_driver_sql("SELECT LAST_INSERT_ID()").scalar()
"""

CASE = RealSchema(
    name="vtiger",
    engine="mariadb",
    version="vTiger CRM 7.1: vtiger_crmentity, vtiger_contactdetails, -address, -subdetails, vtiger_account, -billads",
    guessed="columns of portals, training and conversion are left out",
    sql="""
        CREATE TABLE vtiger_crmentity_seq (id int(11) NOT NULL);
        CREATE TABLE vtiger_crmentity (
            crmid int(19) NOT NULL PRIMARY KEY, smcreatorid int(19) NOT NULL DEFAULT 0,
            smownerid int(19) NOT NULL DEFAULT 0,
            modifiedby int(19) NOT NULL DEFAULT 0, setype varchar(30) NOT NULL, description mediumtext,
            createdtime datetime NOT NULL, modifiedtime datetime NOT NULL, viewedtime datetime, status varchar(50),
            version int(19) NOT NULL DEFAULT 0, presence int(1) DEFAULT 1, deleted int(1) NOT NULL DEFAULT 0,
            label varchar(255)
        );
        CREATE TABLE vtiger_account (
            accountid int(19) NOT NULL DEFAULT 0 PRIMARY KEY, account_no varchar(100) NOT NULL,
            accountname varchar(100) NOT NULL, parentid int(19) DEFAULT 0, account_type varchar(200),
            industry varchar(200),
            phone varchar(30), otherphone varchar(30), email1 varchar(100), email2 varchar(100),
            website varchar(100),
            fax varchar(30), employees int(10) DEFAULT 0, emailoptout varchar(3) DEFAULT '0',
            CONSTRAINT fk_1_vtiger_account FOREIGN KEY (accountid) REFERENCES vtiger_crmentity (crmid) ON DELETE CASCADE
        );
        CREATE TABLE vtiger_accountbillads (
            accountaddressid int(19) NOT NULL DEFAULT 0 PRIMARY KEY, bill_city varchar(30), bill_code varchar(30),
            bill_country varchar(30), bill_state varchar(30), bill_street varchar(250), bill_pobox varchar(30),
            CONSTRAINT fk_1_vtiger_accountbillads FOREIGN KEY (accountaddressid) REFERENCES vtiger_account (accountid)
                ON DELETE CASCADE
        );
        CREATE TABLE vtiger_contactdetails (
            contactid int(19) NOT NULL DEFAULT 0 PRIMARY KEY, contact_no varchar(100) NOT NULL, accountid int(19),
            salutation varchar(200), firstname varchar(40), lastname varchar(80) NOT NULL, email varchar(100),
            phone varchar(50), mobile varchar(50), title varchar(50), department varchar(30), fax varchar(50),
            reportsto varchar(30), secondaryemail varchar(100), donotcall varchar(3),
            emailoptout varchar(3) DEFAULT '0',
            CONSTRAINT fk_1_vtiger_contactdetails FOREIGN KEY (contactid) REFERENCES vtiger_crmentity (crmid)
                ON DELETE CASCADE
        );
        CREATE TABLE vtiger_contactaddress (
            contactaddressid int(19) NOT NULL DEFAULT 0 PRIMARY KEY, mailingcity varchar(40),
            mailingstreet varchar(250),
            mailingcountry varchar(40), othercountry varchar(30), mailingstate varchar(30),
            mailingpobox varchar(30),
            mailingzip varchar(30), othercity varchar(40), otherstreet varchar(250),
            CONSTRAINT fk_1_vtiger_contactaddress FOREIGN KEY (contactaddressid)
                REFERENCES vtiger_contactdetails (contactid) ON DELETE CASCADE
        );
        CREATE TABLE vtiger_contactsubdetails (
            contactsubscriptionid int(19) NOT NULL DEFAULT 0 PRIMARY KEY, homephone varchar(50),
            otherphone varchar(50),
            assistant varchar(30), assistantphone varchar(50), birthday date, leadsource varchar(200),
            CONSTRAINT fk_1_vtiger_contactsubdetails FOREIGN KEY (contactsubscriptionid)
                REFERENCES vtiger_contactdetails (contactid) ON DELETE CASCADE
        );
        INSERT INTO vtiger_crmentity_seq VALUES (13);
        INSERT INTO vtiger_crmentity (crmid, setype, createdtime, modifiedtime, label) VALUES
            (11, 'Accounts', '2026-01-01 09:00:00', '2026-01-01 09:00:00', 'Acorn Ltd'),
            (12, 'Contacts', '2026-01-01 09:00:00', '2026-01-01 09:00:00', 'Mia Oak'),
            (13, 'Contacts', '2026-01-01 09:00:00', '2026-01-01 09:00:00', 'Tom Elm');
        INSERT INTO vtiger_account (accountid, account_no, accountname, phone, website) VALUES
            (11, 'ACC1', 'Acorn Ltd', '+441130000001', 'www.example.org');
        INSERT INTO vtiger_accountbillads (accountaddressid, bill_city, bill_country) VALUES (11, 'Leeds',
        'United Kingdom');
        INSERT INTO vtiger_contactdetails (contactid, contact_no, accountid, salutation, firstname, lastname, email,
        phone,
                title) VALUES
            (12, 'CON1', 11, 'Ms.', 'Mia', 'Oak', 'mia@example.org', '+441130000002', 'Sales Manager'),
            (13, 'CON2', NULL, 'Mr.', 'Tom', 'Elm', 'tom@example.org', NULL, 'Buyer');
        INSERT INTO vtiger_contactaddress (contactaddressid, mailingcity, mailingcountry) VALUES
            (12, 'Leeds', 'United Kingdom'), (13, 'York', 'United Kingdom');
        INSERT INTO vtiger_contactsubdetails (contactsubscriptionid, birthday) VALUES (12, '1980-05-06'), (13,
        NULL);
    """,
    records={"contacts": 2, "companies": 1},
    theirs=("contacts", "vtiger_contactdetails", "title", "contactid", 12, "Sales Director"),
    changes={"job_title": "Sales Director"},
    ours=(
        "UPDATE vtiger_contactaddress SET mailingcity = 'Hull' WHERE contactaddressid = 13",
        "addresses.0.locality=Hull",
    ),
    stamps=frozenset({"modifiedtime"}),
    told=("vTiger: these look like its tables",),
    edits=(
        ("crm = kb.SqlCustomcrm(", f"{_NEXT}crm = kb.SqlCustomcrm("),
        ('id="accountid",', 'id="accountid", new_id=next_id,'),
        ('id="contactid",', 'id="contactid", new_id=next_id,'),
    ),
    makes=("vtiger_contactaddress", "vtiger_contactdetails", "vtiger_contactsubdetails", "vtiger_crmentity"),
    made="""
        INSERT INTO vtiger_crmentity (crmid, setype, createdtime, modifiedtime) VALUES
            (99, 'Contacts', '2026-01-01 09:00:00', now());
        INSERT INTO vtiger_contactdetails (contactid, contact_no, firstname, lastname, email) VALUES
            (99, 'CON9', 'Ida', 'Nova', 'ida@example.org');
        INSERT INTO vtiger_contactaddress (contactaddressid) VALUES (99);
        INSERT INTO vtiger_contactsubdetails (contactsubscriptionid) VALUES (99)
    """,
)
