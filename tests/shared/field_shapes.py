"""Small CRMs in shapes that the field knows, each with the faults of its kind, and how it is declared.

They are written after the documented shapes of systems that cannot be had here, keep their records in a neutral form,
and have nothing of keapbridge in them but their declarations.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, ClassVar

from small_server import UNSAID, Asked, Said, SmallServer

import keapbridge as kb
from keapbridge import customcrm as crm
from keapbridge import presets

Json = dict[str, Any]
NUMBERED = {"contacts": 1000, "customers": 2000, "products": 3000}
PAGE = 3  # records, at most
NAMES = {
    "contacts": ("FirstName", "LastName", "Email", "Phone", "JobTitle", "City", "Country", "BirthDate", "CustomerId"),
    "customers": ("Name", "City", "Country", "Phone"),
    "products": ("Name", "Sku", "Price", "ShortDescription", "Currency"),
}
NEUTRAL = {
    object: tuple(re.sub(r"(?<!^)([A-Z])", r"_\1", name).lower() for name in names) for object, names in NAMES.items()
}


def mappings() -> dict[str, Any]:
    """What flows between Keap and each of them."""
    of = {"contacts": kb.mapping.contacts, "customers": kb.mapping.companies, "products": kb.mapping.products}
    own = {object: [name for name in NAMES[object] if name != "Currency"] for object in of}  # it comes with the price
    return {mapper.name: mapper.only(*own[object]) for object, mapper in of.items()}


class Shape(SmallServer):
    """The records and their people; what each shape says over HTTP is in `say`."""

    root: ClassVar[str] = ""
    cleared: ClassVar[Any] = None
    resources: ClassVar[Mapping[str, str]] = {"contacts": "contacts", "customers": "customers", "products": "products"}

    def __init__(self) -> None:
        super().__init__(self._said)
        self.tables: dict[str, dict[str, Json]] = {object: {} for object in NUMBERED}
        self.clock = datetime.now(UTC) - timedelta(hours=1)
        self.base_url = f"{self.url}{self.root}"

    def schema(self) -> kb.CustomcrmSchema:
        """How it is declared."""
        raise NotImplementedError

    def say(self, asked: Asked, path: list[str]) -> Said:
        """What it answers to a request to these parts of a path below its root."""
        raise NotImplementedError

    def _said(self, asked: Asked) -> Said:
        assert asked.path.startswith(self.root), asked.path
        return self.say(asked, asked.path.removeprefix(self.root).strip("/").split("/"))

    def object_of(self, resource: str) -> str:
        return next(object for object, each in self.resources.items() if each == resource)

    # --- its people -----------------------------------------------------------------------------------------------

    def rows(self, object: str) -> dict[str, Json]:
        with self.lock:
            own = {"created", "updated"}
            return {
                id: {name: value for name, value in row.items() if name not in own and value not in (None, "")}
                for id, row in self.tables[object].items()
            }

    def add(self, object: str, **values: Any) -> str:
        with self.lock:
            id = str(NUMBERED[object] + len(self.tables[object]) * 7 + self.removed)
            now = self._now()
            kept = {name: values.get(name) for name in NEUTRAL[object]}
            self.tables[object][id] = {**kept, "created": now, "updated": now}
            return id

    def edit(self, object: str, id: str, **values: Any) -> None:
        with self.lock:
            self.tables[object][id] |= {**values, "updated": self._now()}

    def remove(self, object: str, id: str) -> None:
        with self.lock:
            del self.tables[object][id]
            self.removed += 1

    removed = 0

    def _now(self) -> datetime:
        self.clock = max(self.clock + timedelta(seconds=1), datetime.now(UTC).replace(microsecond=0))
        return self.clock

    def ordered(self, object: str) -> list[tuple[str, Json]]:
        return sorted(self.tables[object].items())


def clean(values: Mapping[str, Any]) -> Json:
    return {name: None if value == "" else value for name, value in values.items()}


class PipedriveLike(Shape):
    """`success` beside `data`, which is null where a list is empty; values in lists, an organization as an object."""

    root = "/v1"
    resources: ClassVar = {"contacts": "persons", "customers": "organizations", "products": "products"}

    def schema(self) -> kb.CustomcrmSchema:
        more = "additional_data.pagination.more_items_in_collection"
        phone = "phone[primary=true].value"
        return kb.CustomcrmSchema(
            names="snake_case",
            version=None,
            created="add_time",
            modified="update_time",
            times="%Y-%m-%d %H:%M:%S",
            time_zone="UTC",
            ids="integer",
            decimals="number",
            envelope=crm.Envelope(items="data", record="data", success="success"),
            paging=crm.OffsetPaging(parameter="start", size="limit", most=PAGE, more=more),
            changed_since=None,
            deleted=None,
            conditional=False,
            idempotency=None,
            batch=None,
            update=crm.Update("PUT"),
            contacts=crm.CustomcrmObject(
                "/persons",
                query={"sort": "id"},
                properties={
                    "Email": "email[primary=true].value",
                    "Phone": phone,
                    "City": "address.locality",
                    "Country": "address.country",
                    "BirthDate": "birthday",
                    "CustomerId": crm.Property("org_id.value", write="org_id", form="integer"),
                },
            ),
            customers=crm.CustomcrmObject("/organizations", query={"sort": "id"}, properties={"Phone": phone}),
            products=crm.CustomcrmObject(
                "/products",
                query={"sort": "id"},
                properties={"Sku": "code", "Price": "prices[0].price", "Currency": "prices[0].currency"},
            ),
        )

    def _shown(self, object: str, id: str, row: Json) -> Json:
        def several(name: str) -> list[Json]:
            return [{"label": "work", "value": row[name], "primary": True}] if row.get(name) else []

        stamps = {"add_time": row["created"], "update_time": row["updated"]}
        out = {"id": int(id), **{name: f"{moment:%Y-%m-%d %H:%M:%S}" for name, moment in stamps.items()}}
        if object == "products":
            out |= {"name": row["name"], "code": row["sku"], "short_description": row["short_description"]}
            return out | {"prices": [{"id": 1, "price": row["price"], "currency": row["currency"]}]}
        if object == "customers":
            return out | {n: row[n] for n in ("name", "city", "country")} | {"phone": several("phone")}
        org = row["customer_id"] and {"value": int(row["customer_id"]), "name": "…", "cc_email": "…"}
        out |= {n: row[n] for n in ("first_name", "last_name", "job_title")}
        address = {"locality": row["city"], "country": row["country"]}
        lists = {"email": several("email"), "phone": several("phone")}
        return out | lists | {"address": address, "birthday": row["birth_date"], "org_id": org}

    def _taken(self, object: str, body: Json) -> Json:
        out: Json = {}
        for name, value in body.items():
            match name:
                case "email" | "phone":
                    out[name] = next((each["value"] for each in value if each["primary"] is True), None)
                case "address":
                    out |= {"city": value.get("locality"), "country": value.get("country")}
                case "prices":
                    out |= {"price": value[0]["price"], "currency": value[0]["currency"]}
                case "org_id":
                    assert value is None or isinstance(value, int)
                    out["customer_id"] = None if value is None else str(value)
                case _:
                    out[{"birthday": "birth_date", "code": "sku"}.get(name, name)] = value
        return clean(out)

    def say(self, asked: Asked, path: list[str]) -> Said:
        object = self.object_of(path[0])
        table = self.tables[object]
        if len(path) == 1 and asked.method == "GET":
            start, limit = int(asked.query.get("start", 0)), min(int(asked.query.get("limit", 2)), PAGE)
            found = self.ordered(object)
            shown = [self._shown(object, *each) for each in found[start : start + limit]]
            pages = {"start": start, "limit": limit, "more_items_in_collection": start + limit < len(found)}
            return Said(200, {"success": True, "data": shown or None, "additional_data": {"pagination": pages}})
        if len(path) == 1:
            id = self.add(object, **self._taken(object, asked.body))
            return Said(201, {"success": True, "data": self._shown(object, id, table[id])})
        if path[1] not in table:
            return Said(404, {"success": False, "error": "not found", "data": None})
        if asked.method == "DELETE":
            self.remove(object, path[1])
            return Said(200, {"success": True, "data": {"id": int(path[1])}})
        if asked.method == "PUT":
            self.edit(object, path[1], **self._taken(object, asked.body))
        return Said(200, {"success": True, "data": self._shown(object, path[1], table[path[1]])})


class ZohoLike(Shape):
    """Everything is a list in `data`; nothing is 204, also for what is not there, and unchanged is 304."""

    root = "/crm/v6"
    resources: ClassVar = {"contacts": "Contacts", "customers": "Accounts", "products": "Products"}
    spelled: ClassVar = {
        "contacts": {
            **{name: name.title() for name in ("first_name", "last_name", "email", "phone")},
            "job_title": "Title",
            "city": "Mailing_City",
            "country": "Mailing_Country",
            "birth_date": "Date_of_Birth",
            "customer_id": "Account_Name",
        },
        "customers": {"name": "Account_Name", "city": "Billing_City", "country": "Billing_Country", "phone": "Phone"},
        "products": {
            "name": "Product_Name",
            "sku": "Product_Code",
            "price": "Unit_Price",
            "short_description": "Description",
            "currency": "Currency",
        },
    }

    def schema(self) -> kb.CustomcrmSchema:
        def object(name: str) -> crm.CustomcrmObject:
            by_neutral = dict(zip(NEUTRAL[name], NAMES[name], strict=True))
            there: Any = {by_neutral[ours]: theirs for ours, theirs in self.spelled[name].items()}
            if name == "contacts":
                there |= {"CustomerId": crm.Property("Account_Name.id", write="Account_Name.id"), "Title": None}
            if name == "products":
                there["Description"] = None
            return crm.CustomcrmObject(f"/{self.resources[name]}", query={"sort_by": "id"}, properties=there)

        return kb.CustomcrmSchema(
            id="id",
            version=None,
            created="Created_Time",
            modified="Modified_Time",
            decimals="number",
            envelope=crm.Envelope(
                items="data", record="data[0]", sends="data[0]", success="data[0].code=SUCCESS", written="id"
            ),
            paging=crm.PagePaging(parameter="page", size="per_page", most=PAGE, more="info.more_records"),
            changed_since=crm.ChangedSince("If-Modified-Since", header=True),
            deleted=None,
            conditional=False,
            idempotency=None,
            batch=None,
            update=crm.Update("PUT"),
            requests={"create": crm.Request(id="data[0].details.id")},
            **{name: object(name) for name in NUMBERED},
        )

    def _shown(self, object: str, id: str, row: Json) -> Json:
        out = {theirs: row[ours] for ours, theirs in self.spelled[object].items()}
        if object == "contacts":
            out["Account_Name"] = row["customer_id"] and {"id": row["customer_id"], "name": "…"}
        zone = timezone(timedelta(hours=5, minutes=30))
        stamps = {"Created_Time": row["created"], "Modified_Time": row["updated"]}
        return {"id": id, **out, **{name: moment.astimezone(zone).isoformat() for name, moment in stamps.items()}}

    def _taken(self, object: str, body: Json) -> Json:
        by_theirs = {theirs: ours for ours, theirs in self.spelled[object].items()}
        out = {by_theirs[name]: value for name, value in body.items()}
        if object == "contacts" and isinstance(out.get("customer_id"), dict):
            out["customer_id"] = out["customer_id"]["id"]
        return clean(out)

    def say(self, asked: Asked, path: list[str]) -> Said:
        object = self.object_of(path[0])
        table = self.tables[object]
        if len(path) == 1 and asked.method == "GET":
            found = self.ordered(object)
            since = asked.headers.get("if-modified-since")
            if since is not None:
                found = [each for each in found if each[1]["updated"] >= datetime.fromisoformat(since)]
                if not found:
                    return Said(304, UNSAID)
            page, size = int(asked.query.get("page", 1)), min(int(asked.query.get("per_page", 2)), PAGE)
            here = found[(page - 1) * size : page * size]
            if not here:
                return Said(204, UNSAID)
            info = {"page": page, "count": len(here), "more_records": page * size < len(found)}
            return Said(200, {"data": [self._shown(object, *each) for each in here], "info": info})
        if asked.method == "POST":
            [values] = asked.body["data"]
            taken = self._taken(object, values)
            if taken.get("email") and any(row["email"] == taken["email"] for row in table.values()):
                return Said(202, {"data": [{"code": "DUPLICATE_DATA", "status": "error", "message": "duplicate data"}]})
            return Said(201, self._done(self.add(object, **taken), "record added"))
        if path[1] not in table:
            return Said(204, UNSAID) if asked.method == "GET" else Said(400, {"code": "INVALID_DATA"})
        if asked.method == "GET":
            return Said(200, {"data": [self._shown(object, path[1], table[path[1]])]})
        if asked.method == "DELETE":
            self.remove(object, path[1])
        else:
            self.edit(object, path[1], **self._taken(object, asked.body["data"][0]))
        return Said(200, self._done(path[1], "done"))

    def _done(self, id: str, message: str) -> Json:
        return {"data": [{"code": "SUCCESS", "details": {"id": id}, "message": message, "status": "success"}]}


class SalesforceLike(Shape):
    """Lists are one query in its own language; a create tells an id only, and a change nothing."""

    root = "/services/data/v60.0"
    resources: ClassVar = {"contacts": "Contact", "customers": "Account", "products": "Product2"}
    spelled: ClassVar = {
        "contacts": {
            "first_name": "FirstName",
            "last_name": "LastName",
            "email": "Email",
            "phone": "Phone",
            "job_title": "Title",
            "city": "MailingCity",
            "country": "MailingCountry",
            "birth_date": "Birthdate",
            "customer_id": "AccountId",
        },
        "customers": {"name": "Name", "city": "BillingCity", "country": "BillingCountry", "phone": "Phone"},
        "products": {
            "name": "Name",
            "sku": "ProductCode",
            "price": "Price__c",
            "short_description": "Short__c",
            "currency": "CurrencyIsoCode",
        },
    }

    def __init__(self) -> None:
        super().__init__()
        self.cursors: dict[str, list[Json]] = {}

    def schema(self) -> kb.CustomcrmSchema:
        def object(name: str) -> crm.CustomcrmObject:
            kind, there = self.resources[name], self.spelled[name]
            fields = ", ".join(("Id", *there.values(), "CreatedDate", "LastModifiedDate"))
            select = f"SELECT {fields} FROM {kind}"
            by_neutral = dict(zip(NEUTRAL[name], NAMES[name], strict=True))
            changed = f"{select} WHERE LastModifiedDate >= {{since}} ORDER BY Id"
            batch = f"{select} WHERE Id IN ('{{ids}}') ORDER BY Id"
            return crm.CustomcrmObject(
                "/query",
                record=f"/sobjects/{kind}/{{id}}",
                query={"q": f"{select} ORDER BY Id"},
                properties={
                    **{by_neutral[ours]: theirs for ours, theirs in there.items()},
                    **({"Title": None} if name == "contacts" else {}),
                },
                requests={"create": crm.Request("POST", f"/sobjects/{kind}", id="id")},
                differs={
                    "changed_since": crm.ChangedSince("q", template=changed),
                    "batch": crm.BatchRead("q", separator="','", template=batch, most=50),
                },
            )

        return kb.CustomcrmSchema(
            version=None,
            created="CreatedDate",
            modified="LastModifiedDate",
            decimals="number",
            envelope=crm.Envelope(items="records", written="id"),
            paging=crm.NextUrlPaging(following="nextRecordsUrl", size=None, most=PAGE),
            deleted=None,
            conditional=False,
            idempotency=None,
            **{name: object(name) for name in NUMBERED},
        )

    def _shown(self, object: str, id: str, row: Json) -> Json:
        kind = self.resources[object]
        out = {theirs: row[ours] for ours, theirs in self.spelled[object].items()}
        stamps = {"CreatedDate": row["created"], "LastModifiedDate": row["updated"]}
        told = {name: moment.strftime("%Y-%m-%dT%H:%M:%S.000+0000") for name, moment in stamps.items()}
        return {"attributes": {"type": kind, "url": f"{self.root}/sobjects/{kind}/{id}"}, "Id": id, **out, **told}

    def _query(self, text: str) -> list[Json]:
        told = re.fullmatch(r"SELECT (.+) FROM (\w+)(?: WHERE (.+))? ORDER BY Id", text)
        assert told is not None, text
        object = self.object_of(told[2])
        found = self.ordered(object)
        if told[3] and (since := re.fullmatch(r"LastModifiedDate >= (\S+)", told[3])):
            found = [each for each in found if each[1]["updated"] >= datetime.fromisoformat(since[1])]
        elif told[3]:
            ids = re.findall(r"'(\w+)'", told[3])
            found = [each for each in found if each[0] in ids]
        names = told[1].split(", ")
        shown = [self._shown(object, *each) for each in found]
        return [{"attributes": each["attributes"], **{name: each[name] for name in names}} for each in shown]

    def say(self, asked: Asked, path: list[str]) -> Said:
        if path[0] == "query":
            rest = self._query(asked.query["q"]) if len(path) == 1 else self.cursors[path[1]]
            body: Json = {"totalSize": len(rest), "done": len(rest) <= PAGE, "records": rest[:PAGE]}
            if len(rest) > PAGE:
                self.cursors[f"01g{len(self.cursors)}-{PAGE}"] = rest[PAGE:]
                body["nextRecordsUrl"] = f"{self.root}/query/{list(self.cursors)[-1]}"
            return Said(200, body)
        object = self.object_of(path[1])
        table = self.tables[object]
        by_theirs = {theirs: ours for ours, theirs in self.spelled[object].items()}
        values = clean({by_theirs[name]: value for name, value in (asked.body or {}).items()})
        if len(path) == 2:
            return Said(201, {"id": self.add(object, **values), "success": True, "errors": []})
        if path[2] not in table:
            return Said(404, [{"errorCode": "NOT_FOUND", "message": "The requested resource does not exist"}])
        if asked.method == "GET":
            return Said(200, self._shown(object, path[2], table[path[2]]))
        if asked.method == "DELETE":
            self.remove(object, path[2])
        else:
            self.edit(object, path[2], **values)
        return Said(204, UNSAID)


class OdooLike(Shape):
    """One address for everything, by POST; empty is `false`, a reference a pair, a no has status 200."""

    models: ClassVar = {"contacts": "res.partner", "customers": "res.company", "products": "product.template"}
    spelled: ClassVar = {
        "contacts": {
            "first_name": "firstname",
            "last_name": "lastname",
            "email": "email",
            "phone": "phone",
            "job_title": "function",
            "city": "city",
            "country": "country_name",
            "birth_date": "birthdate_date",
            "customer_id": "parent_id",
        },
        "customers": {"name": "name", "city": "city", "country": "country_name", "phone": "phone"},
        "products": {
            "name": "name",
            "sku": "default_code",
            "price": "list_price",
            "short_description": "description_sale",
            "currency": "currency_name",
        },
    }

    def schema(self) -> kb.CustomcrmSchema:
        def call(name: str, method: str, arguments: list[Any], options: Json | None = None) -> crm.Request:
            given = ["db", 2, "key", self.models[name], method, arguments, options or {}]
            params = {"service": "object", "method": "execute_kw", "args": given}
            return crm.Request("POST", "/jsonrpc", body={"jsonrpc": "2.0", "id": 1, "method": "call", "params": params})

        def object(name: str) -> crm.CustomcrmObject:
            by_neutral = dict(zip(NEUTRAL[name], NAMES[name], strict=True))
            there: Any = {by_neutral[ours]: theirs for ours, theirs in self.spelled[name].items()}
            if name == "contacts":
                there["CustomerId"] = crm.Property("parent_id[0]", write="parent_id", form="integer")
            fields = [*self.spelled[name].values(), "create_date", "write_date"]
            return crm.CustomcrmObject(
                "/jsonrpc",
                properties=there,
                requests={
                    "list": call(name, "search_read", [[]], {"fields": fields, "order": "id"}),
                    "batch": call(name, "read", ["{ids}"], {"fields": fields}),
                    "get": call(name, "read", [["{id}"]], {"fields": fields}),
                    "create": crm.Request(
                        "POST", "/jsonrpc", body=call(name, "create", ["{record}"]).body, id="result"
                    ),
                    "update": call(name, "write", [["{id}"], "{record}"]),
                    "delete": call(name, "unlink", [["{id}"]]),
                },
            )

        return kb.CustomcrmSchema(
            names="snake_case",
            version=None,
            created="create_date",
            modified="write_date",
            times="%Y-%m-%d %H:%M:%S",
            time_zone="UTC",
            ids="integer",
            decimals="number",
            empty="false",
            envelope=crm.Envelope(items="result", record="result[0]", success="!error", written="id"),
            paging=crm.OffsetPaging(parameter="params.args[6].offset", size="params.args[6].limit", most=PAGE),
            changed_since=crm.ChangedSince(
                "params.args[5][0]", "%Y-%m-%d %H:%M:%S", template='[["write_date", ">=", "{since}"]]'
            ),
            deleted=None,
            conditional=False,
            idempotency=None,
            batch=crm.BatchRead(most=PAGE),
            **{name: object(name) for name in NUMBERED},
        )

    def _shown(self, object: str, id: str, row: Json) -> Json:
        out: Json = {theirs: row[ours] or False for ours, theirs in self.spelled[object].items()}
        if row.get("customer_id"):
            out["parent_id"] = [int(row["customer_id"]), "…"]
        stamps = {"create_date": row["created"], "write_date": row["updated"]}
        return {"id": int(id), **out, **{name: f"{moment:%Y-%m-%d %H:%M:%S}" for name, moment in stamps.items()}}

    def say(self, asked: Asked, path: list[str]) -> Said:
        assert (asked.method, path) == ("POST", ["jsonrpc"])
        _, _, _, model, method, arguments, options = asked.body["params"]["args"]
        object = next(name for name, each in self.models.items() if each == model)
        try:
            result = self._done(object, method, arguments, options)
        except LookupError as error:
            data = {"name": "odoo.exceptions.MissingError", "message": f"Record does not exist: {error}"}
            return Said(
                200, {"jsonrpc": "2.0", "id": 1, "error": {"code": 200, "message": "Server Error", "data": data}}
            )
        return Said(200, {"jsonrpc": "2.0", "id": 1, "result": result})

    def _done(self, object: str, method: str, arguments: list[Any], options: Json) -> Any:
        table = self.tables[object]
        by_theirs = {theirs: ours for ours, theirs in self.spelled[object].items()}
        match method:
            case "search_read":
                found = self.ordered(object)
                for _, _, since in arguments[0]:
                    moment = datetime.strptime(since, "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC)
                    found = [each for each in found if each[1]["updated"] >= moment]
                start = options.get("offset", 0)
                return [self._shown(object, *each) for each in found[start : start + options.get("limit", 80)]]
            case "read":
                assert all(isinstance(id, int) for id in arguments[0])
                return [self._shown(object, str(id), table[str(id)]) for id in arguments[0] if str(id) in table]
            case "create" | "write":
                given = arguments[-1].items()
                values = {by_theirs[name]: None if value is False else value for name, value in given}
                if values.get("customer_id"):
                    values["customer_id"] = str(values["customer_id"])
                if method == "create":
                    return int(self.add(object, **values))
                self.edit(object, str(arguments[0][0]), **values)
            case _:
                self.remove(object, str(arguments[0][0]))
        return True


class AirtableLike(Shape):
    """What is empty is left out; a cursor called offset; names that nobody has made are refused."""

    root = "/v0/app1"
    resources: ClassVar = {"contacts": "Contacts", "customers": "Companies", "products": "Products"}

    def schema(self) -> kb.CustomcrmSchema:
        def object(name: str) -> crm.CustomcrmObject:
            there: Any = {each: f"fields.{_spaced(each)}" for each in NAMES[name]}
            if name == "contacts":
                there["CustomerId"] = "fields.Company[0]"
            return crm.CustomcrmObject(f"/{self.resources[name]}", properties=there)

        return kb.CustomcrmSchema(
            id="id",
            version=None,
            created="createdTime",
            modified="fields.Last Modified",
            decimals="number",
            envelope=crm.Envelope(items="records"),
            paging=crm.CursorPaging(following="offset", parameter="offset", size="pageSize", most=PAGE),
            changed_since=None,
            deleted=None,
            conditional=False,
            idempotency=None,
            batch=None,
            **{name: object(name) for name in NUMBERED},
        )

    def _names(self, object: str) -> dict[str, str]:
        named = dict(zip(map(_spaced, NAMES[object]), NEUTRAL[object], strict=True))
        return {"Company" if name == "Customer Id" else name: ours for name, ours in named.items()}

    def _shown(self, object: str, id: str, row: Json) -> Json:
        fields = {theirs: row[ours] for theirs, ours in self._names(object).items() if row[ours] not in (None, "")}
        if "Company" in fields:
            fields["Company"] = [fields["Company"]]
        moments = {"Last Modified": row["updated"]}
        fields |= {name: moment.strftime("%Y-%m-%dT%H:%M:%S.000Z") for name, moment in moments.items()}
        return {"id": id, "createdTime": row["created"].strftime("%Y-%m-%dT%H:%M:%S.000Z"), "fields": fields}

    def say(self, asked: Asked, path: list[str]) -> Said:
        object = self.object_of(path[0])
        table, names = self.tables[object], self._names(object)
        given = (asked.body or {}).get("fields", {})
        if unknown := given.keys() - names.keys():
            what = {"type": "UNKNOWN_FIELD_NAME", "message": f"Unknown field name: {min(unknown)}"}
            return Said(422, {"error": what})
        values = clean({names[name]: value for name, value in given.items()})
        if isinstance(values.get("customer_id"), list):
            values["customer_id"] = next(iter(values["customer_id"]), None)
        if len(path) == 1 and asked.method == "GET":
            size = min(int(asked.query.get("pageSize", 100)), PAGE)
            found = self.ordered(object)
            start = next((n for n, (id, _) in enumerate(found) if f"itr/{id}" == asked.query.get("offset")), 0)
            body: Json = {"records": [self._shown(object, *each) for each in found[start : start + size]]}
            if start + size < len(found):
                body["offset"] = f"itr/{found[start + size][0]}"
            return Said(200, body)
        if len(path) == 1:
            id = self.add(object, **values)
            return Said(200, self._shown(object, id, table[id]))
        if path[1] not in table:
            return Said(404, {"error": "NOT_FOUND"})
        if asked.method == "DELETE":
            self.remove(object, path[1])
            return Said(200, {"deleted": True, "id": path[1]})
        if asked.method == "PATCH":
            self.edit(object, path[1], **values)
        return Said(200, self._shown(object, path[1], table[path[1]]))


class HubSpotLike(Shape):
    """Properties in an object, shown by name only; null is refused, and what is emptied is an empty text."""

    root = "/crm/v3/objects"
    cleared = ""
    resources: ClassVar = {"contacts": "contacts", "customers": "companies", "products": "products"}
    spelled: ClassVar = {
        "contacts": {
            **{name: name.replace("_", "") for name in ("first_name", "last_name", "email", "phone", "job_title")},
            "city": "city",
            "country": "country",
            "birth_date": "date_of_birth",
            "customer_id": "company_id",
        },
        "customers": {name: name for name in ("name", "city", "country", "phone")},
        "products": {
            "name": "name",
            "sku": "hs_sku",
            "price": "price",
            "short_description": "short_description",
            "currency": "currency",
        },
    }
    usual: ClassVar = {"contacts": {"firstname", "lastname", "email"}, "customers": {"name"}, "products": {"name"}}

    def schema(self) -> kb.CustomcrmSchema:
        there = {
            name: {dict(zip(NEUTRAL[name], NAMES[name], strict=True))[ours]: theirs for ours, theirs in own.items()}
            for name, own in self.spelled.items()
        }
        return presets.hubspot_shape(**there, most=PAGE)

    def _shown(self, object: str, id: str, row: Json, asked: str | None) -> Json:
        names = set(asked.split(",")) if asked else self.usual[object]
        own = {theirs: row[ours] for ours, theirs in self.spelled[object].items() if theirs in names}
        texts = {name: value if value is None else str(value) for name, value in own.items()}
        stamps = {"createdAt": row["created"], "updatedAt": row["updated"]}
        told = {name: moment.strftime("%Y-%m-%dT%H:%M:%S.000Z") for name, moment in stamps.items()}
        return {"id": id, "properties": {**texts, "hs_object_id": id}, **told, "archived": False}

    def say(self, asked: Asked, path: list[str]) -> Said:
        object = self.object_of(path[0])
        table = self.tables[object]
        shown = asked.query.get("properties")
        if path[1:] == ["batch", "read"]:
            ids = [each["id"] for each in asked.body["inputs"]]
            names = ",".join(asked.body["properties"])
            return Said(200, {"results": [self._shown(object, id, table[id], names) for id in ids if id in table]})
        if len(path) == 1 and asked.method == "GET":
            size = min(int(asked.query.get("limit", 10)), PAGE)
            found = [each for each in self.ordered(object) if each[0] > asked.query.get("after", "")]
            body: Json = {"results": [self._shown(object, *each, shown) for each in found[:size]]}
            if len(found) > size:
                body["paging"] = {"next": {"after": found[size - 1][0], "link": "?"}}
            return Said(200, body)
        if len(path) > 1 and path[1] not in table:
            return Said(404, {"status": "error", "message": "resource not found", "category": "OBJECT_NOT_FOUND"})
        if asked.method == "GET":
            return Said(200, self._shown(object, path[1], table[path[1]], shown))
        if asked.method == "DELETE":
            self.remove(object, path[1])
            return Said(204, UNSAID)
        given = asked.body["properties"]
        if any(value is None for value in given.values()):
            return Said(400, {"status": "error", "message": 'null is not allowed, use "" to clear'})
        by_theirs = {theirs: ours for ours, theirs in self.spelled[object].items()}
        values = clean({by_theirs[name]: value for name, value in given.items()})
        id = path[1] if len(path) > 1 else self.add(object, **values)
        self.edit(object, id, **values)
        return Said(201 if len(path) == 1 else 200, self._shown(object, id, table[id], ",".join(given)))


class StrapiLike(Shape):
    """Strapi 5: records by their `documentId` in `data`, filters in brackets."""

    root = "/api"

    def schema(self) -> kb.CustomcrmSchema:
        return presets.strapi(most=PAGE)

    def _shown(self, object: str, id: str, row: Json) -> Json:
        own = {_camel(name): row[name] for name in NEUTRAL[object]}
        stamps = {"createdAt": row["created"], "updatedAt": row["updated"]}
        told = {name: moment.strftime("%Y-%m-%dT%H:%M:%S.000Z") for name, moment in stamps.items()}
        return {"id": int(id), "documentId": f"doc{id}", **own, **told}

    def say(self, asked: Asked, path: list[str]) -> Said:
        object = next((name for name in self.tables if name == path[0]), None)
        if object is None:
            return Said(404, {"data": None, "error": {"status": 404, "message": "Not Found"}})
        table = self.tables[object]
        names = {_camel(name): name for name in NEUTRAL[object]}
        given = (asked.body or {}).get("data", {})
        values = {names[name]: value for name, value in given.items()}
        if len(path) == 1 and asked.method == "GET":
            found = self.ordered(object)
            if since := asked.query.get("filters[updatedAt][$gte]"):
                found = [each for each in found if each[1]["updated"] >= datetime.fromisoformat(since)]
            if ids := asked.queries.get("filters[documentId][$in]"):
                found = [each for each in found if f"doc{each[0]}" in ids]
            if asked.query.get("sort", "").startswith("-") or asked.query.get("sort") == "id:desc":
                found.reverse()
            page = int(asked.query.get("pagination[page]", 1))
            size = min(int(asked.query.get("pagination[pageSize]", 2)), PAGE)
            meta = {"page": page, "pageSize": size, "pageCount": -(-len(found) // size), "total": len(found)}
            here = found[(page - 1) * size : page * size]
            return Said(200, {"data": [self._shown(object, *each) for each in here], "meta": {"pagination": meta}})
        id = path[1].removeprefix("doc") if len(path) > 1 else ""
        if id and id not in table:
            return Said(404, {"data": None, "error": {"status": 404, "message": "Not Found"}})
        if asked.method == "DELETE":
            self.remove(object, id)
            return Said(204, UNSAID)
        if asked.method == "POST":
            id = self.add(object, **values).removeprefix("doc")
        elif asked.method == "PUT":
            self.edit(object, id, **values)
        status = 201 if asked.method == "POST" else 200
        return Said(status, {"data": self._shown(object, id, table[id]), "meta": {}})

    def rows(self, object: str) -> dict[str, Json]:
        return {f"doc{id}": row for id, row in super().rows(object).items()}

    def add(self, object: str, **values: Any) -> str:
        return f"doc{super().add(object, **values)}"

    def edit(self, object: str, id: str, **values: Any) -> None:
        super().edit(object, id.removeprefix("doc"), **values)

    def remove(self, object: str, id: str) -> None:
        super().remove(object, id.removeprefix("doc"))


class PostgrestLike(Shape):
    """PostgREST: rows in an array, filters in the query, also for one row; what changes is shown if it is asked for."""

    def schema(self) -> kb.CustomcrmSchema:
        return presets.postgrest(most=PAGE)

    def _shown(self, object: str, id: str, row: Json) -> Json:
        own = {name: row[name] for name in NEUTRAL[object]}
        if own.get("customer_id"):
            own["customer_id"] = int(own["customer_id"])
        stamps = {"created_at": row["created"], "updated_at": row["updated"]}
        return {"id": int(id), **own, **{name: moment.isoformat() for name, moment in stamps.items()}}

    def say(self, asked: Asked, path: list[str]) -> Said:
        object = path[0]
        if object not in self.tables:
            return Said(404, {"message": "relation does not exist", "code": "42P01"})
        prefer = asked.headers.get("prefer", "")
        table, found = self.tables[object], self.ordered(object)
        if unknown := asked.query.keys() - {"order", "limit", "offset", "select", "id", "updated_at"}:
            return Said(400, {"code": "PGRST100", "message": f"failed to parse filter ({min(unknown)})"})
        if (text := asked.query.get("id")) is not None:
            ids = re.findall(r"\d+", text)
            found = [each for each in found if each[0] in ids]
        if (text := asked.query.get("updated_at")) is not None:
            since = datetime.fromisoformat(text.removeprefix("gte."))
            found = [each for each in found if each[1]["updated"] >= since]
        if asked.query.get("order", "").endswith(".desc"):
            found.reverse()
        if asked.method == "GET":
            start, size = int(asked.query.get("offset", 0)), min(int(asked.query.get("limit", PAGE)), PAGE)
            here = found[start : start + size]
            total = str(len(found)) if "count=exact" in prefer else "*"
            span = f"{start}-{start + len(here) - 1}" if here else "*"
            return Said(200, [self._shown(object, *each) for each in here], {"Content-Range": f"{span}/{total}"})
        values = dict(asked.body or {})
        if values.get("customer_id"):
            values["customer_id"] = str(values["customer_id"])
        done = [id for id, _ in found]
        if asked.method == "POST":
            done = [self.add(object, **values)]
        for id in done if asked.method in {"PATCH", "DELETE"} else ():
            if asked.method == "PATCH":
                self.edit(object, id, **values)
            else:
                self.remove(object, id)
        if asked.method == "DELETE" or "return=representation" not in prefer:
            return Said(204, UNSAID)
        return Said(201 if asked.method == "POST" else 200, [self._shown(object, id, table[id]) for id in done])


def _camel(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(part.title() for part in rest)


def _spaced(name: str) -> str:
    return re.sub(r"(?<!^)([A-Z])", r" \1", name)


SHAPES: tuple[type[Shape], ...] = (PipedriveLike, ZohoLike, SalesforceLike, OdooLike, AirtableLike)

IMITATED: tuple[type[Shape], ...] = (HubSpotLike, StrapiLike, PostgrestLike)
"""What presets are for, and cannot be had here."""
