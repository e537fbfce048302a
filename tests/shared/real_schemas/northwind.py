"""Northwind, the sample database of Microsoft Access and SQL Server, in its form for SQLite."""

from __future__ import annotations

from real_schemas.case import RealSchema

CASE = RealSchema(
    name="northwind",
    engine="sqlite",
    version="Northwind for SQLite3 (jpwhite3), 2023: names and types of columns, and their habits",
    guessed="tables of orders and territories are left out",
    sql="""
        CREATE TABLE [Customers] (
            [CustomerID] TEXT, [CompanyName] TEXT, [ContactName] TEXT, [ContactTitle] TEXT, [Address] TEXT,
            [City] TEXT,
            [Region] TEXT, [PostalCode] TEXT, [Country] TEXT, [Phone] TEXT, [Fax] TEXT, PRIMARY KEY (`CustomerID`)
        );
        CREATE TABLE [Suppliers] (
            [SupplierID] INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, [CompanyName] TEXT NOT NULL,
            [ContactName] TEXT,
            [ContactTitle] TEXT, [Address] TEXT, [City] TEXT, [Region] TEXT, [PostalCode] TEXT, [Country] TEXT,
            [Phone] TEXT,
            [Fax] TEXT, [HomePage] TEXT
        );
        CREATE TABLE [Employees] (
            [EmployeeID] INTEGER PRIMARY KEY AUTOINCREMENT, [LastName] TEXT, [FirstName] TEXT, [Title] TEXT,
            [TitleOfCourtesy] TEXT, [BirthDate] DATE, [HireDate] DATE, [Address] TEXT, [City] TEXT, [Region] TEXT,
            [PostalCode] TEXT, [Country] TEXT, [HomePhone] TEXT, [Extension] TEXT, [Photo] BLOB, [Notes] TEXT,
            [ReportsTo] INTEGER, [PhotoPath] TEXT, FOREIGN KEY ([ReportsTo]) REFERENCES [Employees] ([EmployeeID])
        );
        CREATE TABLE [Products] (
            [ProductID] INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, [ProductName] TEXT NOT NULL,
            [SupplierID] INTEGER,
            [CategoryID] INTEGER, [QuantityPerUnit] TEXT, [UnitPrice] NUMERIC DEFAULT 0,
            [UnitsInStock] INTEGER DEFAULT 0,
            [Discontinued] TEXT NOT NULL DEFAULT '0', CHECK ([UnitPrice]>=(0)),
            FOREIGN KEY ([SupplierID]) REFERENCES [Suppliers] ([SupplierID])
        );
        INSERT INTO Customers VALUES
            ('ACORN', 'Acorn Foods', 'Mia Oak', 'Owner', 'Obere Str. 5', 'Berlin', NULL, '12209', 'Germany',
             '030-0074321', '030-0076545'),
            ('BIRCH', 'Birch Traders', 'Tom Elm', 'Sales Agent', '12 High St.', 'London', NULL, 'WA1 1DP', 'UK',
             '(171) 555-7788', NULL);
        INSERT INTO Employees (LastName, FirstName, Title, TitleOfCourtesy, BirthDate, Address, City, Region,
        PostalCode,
                Country, HomePhone, Extension) VALUES
            ('Dell', 'Nina', 'Sales Representative', 'Ms.', '1968-12-08', '507 20th Ave. E.', 'Seattle', NULL,
            '98122', 'USA',
             '(206) 555-9857', '5467'),
            ('Ford', 'Andy', 'Vice President, Sales', 'Dr.', '1952-02-19', '908 Main Way', 'Tacoma', NULL, '98401',
            'USA',
             '(206) 555-9482', '3457');
        INSERT INTO Products (ProductName, UnitPrice, Discontinued) VALUES ('Chai', 18, '0'), ('Aniseed Syrup',
        10.5, '1');
    """,
    records={"contacts": 2, "companies": 2, "products": 2},
    theirs=("contacts", "Employees", "Title", "EmployeeID", 1, "Sales Manager"),
    changes={"job_title": "Sales Manager"},
    ours=("UPDATE Products SET UnitPrice = 11.25 WHERE ProductID = 2", "price.amount=1125"),
    told=("Products.Discontinued: says the opposite of Active",),
    makes=("Employees",),
    made="""
        INSERT INTO Employees (FirstName, LastName, HomePhone, Country) VALUES ('Ida', 'Nova', '(206) 555-9001', 'USA')
    """,
)
