"""What a host has declared, held against itself: names of fields, conditions, match keys, what is required. Pure.

Nothing here needs a call. What does is asked in `sync.checking.asked`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping

import attrs

from keapbridge.customcrm.records import wire_name
from keapbridge.decide.policy import Policy
from keapbridge.errors import MappingError
from keapbridge.mapping import defaults, needs
from keapbridge.mapping.lens import Direction, Lens
from keapbridge.mapping.mapper import Mapper
from keapbridge.mapping.match_keys import MatchKey
from keapbridge.model.finding import Finding, Findings
from keapbridge.model.meant import is_meant, slip_of
from keapbridge.model.side import Side
from keapbridge.sync.clients import AdapterSystem, CustomcrmSystem

__all__ = ["Declaration", "declared", "refuse"]

DEFAULTS: Mapping[str, Mapper] = {
    each.name: each for each in (defaults.companies, defaults.products, defaults.contacts)
}


@attrs.frozen
class Declaration:
    """One synchronization as a host has declared it.

    Attributes:
        given: its mapper.
        narrowed: the mapper without what this Customcrm has no place for.
        customcrm: the system of Customcrm.
    """

    given: Mapper
    narrowed: Mapper
    customcrm: CustomcrmSystem | AdapterSystem

    @property
    def name(self) -> str:
        """What it is called everywhere."""
        return self.given.name

    @property
    def default(self) -> Mapper:
        """The mapper that the library has for it."""
        return DEFAULTS.get(self.name, self.given)


def refuse(findings: Iterable[Finding]) -> None:
    """Refuse what cannot work, with all that was found.

    Raises:
        MappingError: when there are errors among the findings.
    """
    found = Findings(findings)
    if not found.ok:
        raise MappingError.of(found)


def declared(declarations: Collection[Declaration], mappers: Mapping[str, Mapper], policy: Policy) -> Findings:
    """What is not as it has to be in what a host has declared.

    Args:
        mappers: all mappers of the session, also of what this Customcrm does not have.
    """
    found = [*_policy(policy, mappers)]
    for each in declarations:
        named = _named(each, policy)
        found += [*_without_place(each), *_strangers(each, named), *_conditions(each), *_keys(each)]
        found += [*_lenses(each, mappers), *_deletions(each, policy)]
        found += [finding for side in Side for finding in _creates(each, side, policy)]
    return Findings(found)


# --- policy -----------------------------------------------------------------------------------------------------


def _policy(policy: Policy, mappers: Mapping[str, Mapper]) -> Iterator[Finding]:
    lenses = [lens for mapper in (*mappers.values(), *DEFAULTS.values()) for lens in mapper.lenses]
    spellings = _spellings(lenses)
    fields = {lens.name for lens in lenses}
    for field in policy.conflicts if isinstance(policy.conflicts, Mapping) else ():
        if field not in fields and field != "*":
            yield Finding(
                "error",
                "Policy(conflicts=)",
                f"there is no field {field!r}{is_meant(field, spellings)}",
                "a rule is for a field of the mapping, by its name in Customcrm, or for '*'",
            )
    for side in Side:
        for object, changes in policy.archive.get(side.value, {}).items():
            place = f"Policy(archive=) {side.value}"
            if object not in mappers:
                what = f"there is no synchronization {object!r}{is_meant(object, list(mappers))}"
                yield Finding("error", place, what, f"there are {', '.join(mappers)}")
                continue
            mapper = mappers[object]
            cls = mapper.customcrm_type if side is Side.CUSTOMCRM else mapper.keap_type
            known = [f.name for f in attrs.fields(cls)]
            for attribute in changes:
                if attribute not in known:
                    what = f"{object} of {side.title} have no attribute {attribute!r}{is_meant(attribute, known)}"
                    yield Finding("error", place, what, "attributes are written as in Python: contact_type")


def _spellings(lenses: Iterable[Lens]) -> dict[str, str]:
    """How fields are called, also by those who think of Keap: each with its name."""
    found: dict[str, str] = {}
    by_path: dict[str, str] = {}
    for lens in lenses:
        found.setdefault(lens.name, lens.name)
        for spelling in (lens.keap.path, lens.keap.path.rpartition(".")[2]):
            by_path.setdefault(spelling, lens.name)
    return {**by_path, **found}


def _deletions(declaration: Declaration, policy: Policy) -> Iterator[Finding]:
    """A policy that deletes where nothing can be deleted: each deletion fails, and the rest flows."""
    if policy.deletion(Side.CUSTOMCRM, declaration.name) == "delete" and not declaration.customcrm.deletes:
        what = f"{declaration.name} of Customcrm are to be deleted, and its schema declares no way to"
        yield Finding("warning", "Policy(deletions=)", what, 'deletions={"customcrm": "unlink"} keeps them')


# --- fields -----------------------------------------------------------------------------------------------------


def _lenses(declaration: Declaration, mappers: Mapping[str, Mapper]) -> Iterator[Finding]:
    """What a field of the host's refers to by name: another field, or records of another kind."""
    given = declaration.given
    fields = [lens.name for lens in given.lenses]
    for lens in given.lenses:
        place = f"{given.name}.{lens.name}"
        if lens.fallback is not None and lens.fallback not in fields and lens not in declaration.default.lenses:
            what = f"its fallback is {lens.fallback!r}, and there is no such field{is_meant(lens.fallback, fields)}"
            yield Finding("error", place, what)
        if lens.kind.refers_to is not None and lens.kind.refers_to not in mappers:
            what = f"it refers to {lens.kind.refers_to!r}, and there is no such synchronization"
            yield Finding("error", place, f"{what}{is_meant(lens.kind.refers_to, list(mappers))}")


# --- properties of Customcrm ------------------------------------------------------------------------------------


def _named(declaration: Declaration, policy: Policy) -> frozenset[str]:
    """The properties that anything of the host's names: lenses, conditions, what marks an archived record."""
    given = declaration.given
    names = {name for lens in given.lenses for name in lens.customcrm.properties}
    for condition in given.taking_part.names(Side.CUSTOMCRM):
        names.update(condition.split("+"))
    archive = policy.archive.get(Side.CUSTOMCRM.value, {}).get(given.name, {})
    extra = archive.get("extra")
    return frozenset(names | (set(extra) if isinstance(extra, Mapping) else set()))


def _without_place(declaration: Declaration) -> Iterator[Finding]:
    """What the host itself has mapped, and this Customcrm has nowhere to keep."""
    held = declaration.customcrm.properties
    lacking = declaration.customcrm.lacking if isinstance(declaration.customcrm, CustomcrmSystem) else frozenset()
    for lens in declaration.given.lenses:
        if lens not in _usual(declaration) and (none := sorted(lens.customcrm.properties & lacking)):
            what = f"{none[0]} is declared to be none of this Customcrm"
            yield Finding(
                "error", f"{declaration.name}.{lens.name}", what, f"declare where it is, or leave out {lens.name}"
            )
    if held is None:
        return
    usual = _usual(declaration)
    for lens in declaration.given.lenses:
        if lens.customcrm.properties <= held or lens in usual:
            continue
        near = [is_meant(name, held) for name in sorted(lens.customcrm.properties - held)]
        yield Finding(
            "error",
            declaration.name,
            f"Customcrm has nowhere to keep {lens.name}{next(filter(None, near), '')}",
            f"name a property that it has, or its column: columns={{{lens.name!r}: '…'}}",
        )


def _usual(declaration: Declaration) -> tuple[Lens, ...]:
    """The lenses that no host has named; a mapping that flows one way as a whole names none of them."""
    ways: set[Direction] = {lens.direction for lens in declaration.given.lenses}
    if ways in ({"to_keap"}, {"to_customcrm"}):
        return declaration.default.one_way(ways.pop()).lenses
    return declaration.default.lenses


def _strangers(declaration: Declaration, named: frozenset[str]) -> Iterator[Finding]:
    """Properties that were declared by hand, and that nothing knows or uses: slips of the pen, most often."""
    known = _profile(declaration)
    fields = {name for lens in declaration.given.lenses for name in lens.customcrm.properties}
    declared = declaration.customcrm.declared
    held = declaration.customcrm.properties
    # What has a place already is not what another name was to be.
    free = {*known, *fields} - (declared if held is None else held)
    for name in sorted(declared | (held or frozenset())):
        if name in known or name in named:
            continue
        slip = slip_of(name, free)
        place = f"{declaration.name}.{name}"
        if slip is not None:
            what = f"neither {declaration.name} nor its mapping has a property {name!r}; is {slip!r} meant?"
            yield Finding("error", place, what, f"declare it as {slip!r}, or map {name!r} to a field of Keap")
        elif name in declared and declaration.customcrm.declares_for_mapping:
            what = f"neither {declaration.name} nor its mapping has a property {name!r}{is_meant(name, free)}"
            advice = f"map it, kb.text({name!r}, keap=…), or leave it out"
            sure = not declaration.given.taking_part.is_function(Side.CUSTOMCRM)
            yield Finding("error" if sure else "warning", place, what, advice)


def _conditions(declaration: Declaration) -> Iterator[Finding]:
    """Names in the filter that this Customcrm has no property for: nothing would ever meet them."""
    held = declaration.customcrm.properties
    mapped = {lens.name for lens in declaration.narrowed.lenses}
    mapped |= {lens.customcrm.path for lens in declaration.narrowed.lenses}
    place = f"{declaration.name}.where(customcrm=)"
    for name in declaration.given.taking_part.names(Side.CUSTOMCRM):
        if name in mapped:
            continue
        if held is not None:
            if not set(name.split("+")) <= held:
                what = f"the filter wants {name!r}, which Customcrm has no property for{is_meant(name, held)}"
                yield Finding("error", place, what, "nothing would take part")
            continue
        # Records may show anything; a slip of what is known is no name of its own.
        known = _profile(declaration) | mapped | declaration.customcrm.declared
        if name not in known and (slip := slip_of(name, known)) is not None:
            what = f"the filter wants {name!r}, which no schema declares; is {slip!r} meant?"
            yield Finding("error", place, what, f"if not, declare it in the schema: properties={{{name!r}: {name!r}}}")


def _profile(declaration: Declaration) -> frozenset[str]:
    """The properties that records of this kind have by themselves."""
    fields = attrs.fields(declaration.given.customcrm_type)
    return frozenset(wire_name(f.name) for f in fields if f.name != "extra")


# --- match keys and what is required ----------------------------------------------------------------------------


def _keys(declaration: Declaration) -> Iterator[Finding]:
    """Match keys that were lost, not replaced: what cannot be matched is made a second time."""
    name, default = declaration.name, declaration.default
    now = declaration.narrowed.keys
    mapped = {lens.name for lens in declaration.narrowed.lenses}
    if not now:
        yield Finding(
            "warning",
            name,
            f"nothing tells which records of both systems are the same{_why(declaration, default.keys)}: "
            "what both hold already is made a second time",
            "map what they can be matched by, or say it: .matched_by(kb.mapping.MatchKey(('…',)))",
        )
        return
    # What else belongs to a key becomes less with the fields there are.
    own = {key.fields for key in now} - {key.fields for key in default.keys}
    wanted = declaration.given.keys if own else default.keys
    for key in wanted:
        if set(key.fields) <= mapped or any(set(other.fields) <= set(key.fields) for other in now):
            continue
        others = ", ".join("+".join(other.fields) for other in now)
        what = f"records are not matched by {'+'.join(key.fields)}{_why(declaration, [key])}, only by {others}"
        advice = "what both systems hold already and is not found so is made a second time"
        yield Finding("warning" if key is wanted[0] else "info", name, what, advice)


def _why(declaration: Declaration, keys: Collection[MatchKey]) -> str:
    fields = {field for key in keys for field in key.fields}
    homeless = sorted(fields & {lens.name for lens in declaration.narrowed.homeless})
    gone = sorted(fields - {lens.name for lens in declaration.given.lenses})
    reasons = [f"Customcrm has no place for {', '.join(homeless)}"] if homeless else []
    reasons += [f"the mapping has no {', '.join(gone)}"] if gone else []
    return f" ({'; '.join(reasons)})" if reasons else ""


def _creates(declaration: Declaration, side: Side, policy: Policy) -> Iterator[Finding]:
    """What a new record on a side cannot be made without, and nothing gives it.

    What the mapping itself lacks is the host's slip. What a database lacks is how it is: records that are there flow.
    """
    mapper = declaration.narrowed
    if policy.max_creates == 0 or not any(lens.flows_to(side) for lens in mapper.lenses):
        return
    advice = "new records are left out of the sync, those that are linked flow"
    given = {path for lens in mapper.lenses if lens.flows_to(side) for path in [lens.place(side).path]}
    homeless = {lens.name: lens for lens in mapper.homeless}
    for lens in declaration.default.lenses:
        if side not in lens.required or lens.place(side).path in given:
            continue
        if lens.name not in homeless:
            what = f"{side.title} makes no record without {lens.name}, which the mapping does not have"
            yield Finding(
                "error", declaration.name, what, f"leave {lens.name} in the mapping, or map another one to it"
            )
    if why := needs.never(mapper, side):
        yield Finding("warning", declaration.name, f"no record is made in {side.title}: {why}", advice)
    any_of = declaration.default.needs_any.get(side, ())
    roots = {root for name in any_of for root in declaration.default[name].place(side).roots}
    if any_of and not any(roots.intersection(lens.place(side).roots) for lens in mapper.lenses if lens.flows_to(side)):
        what = f"{side.title} makes no record without one of {', '.join(any_of)}, and the mapping has none of them"
        yield Finding("error" if not homeless.keys() & set(any_of) else "warning", declaration.name, what, advice)
