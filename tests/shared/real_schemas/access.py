"""A table of customers as Microsoft Access makes it: names with spaces and strokes, the company as a text."""

from __future__ import annotations

from real_schemas.case import RealSchema

CASE = RealSchema(
    name="access",
    engine="sqlite",
    version="the Northwind template of Access 2010, whose columns Outlook's export of contacts has, too",
    guessed="that it was moved to SQLite with its names as they are; its attachments and lookups are left out",
    sql="""
        CREATE TABLE tblCustomers (
            [Customer ID] INTEGER PRIMARY KEY AUTOINCREMENT, [Company] TEXT, [Last Name] TEXT, [First Name] TEXT,
            [E-mail Address] TEXT, [Job Title] TEXT, [Business Phone] TEXT, [Mobile Phone] TEXT, [Fax Number] TEXT,
            [Address] TEXT, [City] TEXT, [State/Province] TEXT, [ZIP/Postal Code] TEXT, [Country/Region] TEXT,
            [Web Page] TEXT, [Notes] TEXT
        );
        INSERT INTO tblCustomers ([Company], [Last Name], [First Name], [E-mail Address], [Job Title],
                [Business Phone], [City], [State/Province], [ZIP/Postal Code], [Country/Region]) VALUES
            ('Acorn Ltd', 'Berg', 'Ada', 'ada@example.org', 'Owner', '(206) 555-0100', 'Seattle', 'WA', '98101', 'USA'),
            ('ACORN  LTD', 'Dahl', 'Bo', NULL, 'Buyer', '(206) 555-0101', 'Seattle', 'WA', '98101', 'USA'),
            (NULL, 'Ek', 'Cy', 'cy@example.org', NULL, NULL, NULL, NULL, NULL, NULL);
    """,
    records={"companies": 1, "contacts": 3},
    theirs=("contacts", "tblCustomers", "Last Name", "Customer ID", 1, "Bergström"),
    changes={"family_name": "Bergström"},
    ours=(
        "UPDATE tblCustomers SET [Company] = 'Birch Inc' WHERE [Customer ID] = 2",
        "company.company_name=Birch Inc",
    ),
    default_region="US",
    told=("tblCustomers.Company: holds the name of a contact's company as a text",),
    makes=("tblCustomers",),
    made="""
        INSERT INTO tblCustomers ([First Name], [Last Name], [E-mail Address]) VALUES ('Ida', 'Nova', 'ida@example.org')
    """,
)
