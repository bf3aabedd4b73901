"""What the annotations say about every event, command, view and policy."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, get_type_hints

from crm_core.kernel.catalogue import EventType, catalogue, id_kind
from crm_core.kernel.decider import Decision, deciders, decisions
from crm_core.kernel.messages import Command, Event, Message
from crm_core.kernel.personal import PersonalMark, mark_of, personal_fields
from crm_core.kernel.wiring import members, place_of

_SHORT = {
    "UUID": "id",
    "str": "text",
    "int": "number",
    "bool": "yes or no",
    "Money": "money",
    "datetime": "time",
    "date": "day",
}


@dataclass(frozen=True, slots=True)
class Line:
    """One thing related to what is explained."""

    what: str
    aside: str = ""
    place: str = ""


@dataclass(frozen=True, slots=True)
class Explanation:
    """What is known of one name. `also` is another name for it, such as an event's class."""

    kind: str
    name: str
    title: str
    meaning: str
    place: str
    lines: dict[str, list[Line]] = field(default_factory=dict)
    also: str = ""

    def as_dict(self) -> dict[str, Any]:
        """JSON-able."""
        told = {
            relation.replace(" ", "_"): [
                {
                    "name": one.what,
                    **({"detail": one.aside} if one.aside else {}),
                    **({"place": one.place} if one.place else {}),
                }
                for one in lines
                if one.what != _NOBODY
            ]
            for relation, lines in self.lines.items()
        }
        return {"kind": self.kind, "name": self.name, "meaning": self.meaning, "place": self.place, **told}


_NOBODY = "nobody"


def explanations(followers: Sequence[Any]) -> list[Explanation]:
    """Everything that can be explained, given the views and policies that are installed."""
    views = [one for one in followers if one.kind == "view"]
    policies = [one for one in followers if one.kind == "policy"]
    return [
        *(_event(one, views, policies) for one in catalogue),
        *(_command(one, policies) for one in decisions()),
        *(_view(one) for one in views),
        *(_policy(one) for one in policies),
    ]


def _event(entry: EventType, views: Sequence[Any], policies: Sequence[Any]) -> Explanation:
    deciding = [one for one in decisions() if entry.cls in one.emits]
    lines = {
        "recorded when": [Line(one.command.__name__, place=str(one.place)) for one in deciding],
        "shown in": [Line(one.name, place=_place(one)) for one in views if _follows(one, entry)],
        "answered by": [Line(one.name, _gives(one), _place(one)) for one in policies if _follows(one, entry)],
    }
    told = {relation: found or [Line(_NOBODY)] for relation, found in lines.items()}
    title = f"{entry.name} v{entry.version}"
    return Explanation(
        "event", entry.name, title, _first_line(entry.cls.__doc__), str(entry.place),
        {**told, "fields": _fields(entry.cls, _person(entry))}, entry.cls.__name__,
    )  # fmt: skip


def _command(decision: Decision, policies: Sequence[Any]) -> Explanation:
    command = decision.command
    lines = {
        "decided by": [Line(decision.function.__name__, place=str(decision.place))],
        "looks at": [Line(name) for name in (*decision.states, *(one.name for one in decision.definitions.values()))],
        "records": [Line(catalogue.of(one).name, place=str(place_of(one))) for one in decision.emits],
        "refused as": [Line(name, why) for name, why in _raises(command.__doc__)],
        "given by": [Line(one.name, place=_place(one)) for one in policies if command in _commands(one)],
        "fields": _fields(command, "whoever it is about"),
    }
    return Explanation(
        "command", command.__name__, command.__name__, _first_line(command.__doc__), str(place_of(command)),
        {relation: found for relation, found in lines.items() if found},
    )  # fmt: skip


def _view(view: Any) -> Explanation:
    row = getattr(view, "row", None)
    lines = {
        "follows": [Line(name) for name in view.types or ("every event",)],
        "columns": _columns(row) if row is not None else [],
    }
    return Explanation(
        "view", view.name, f"view {view.name}", _first_line(getattr(view, "meaning", "")), _place(view), lines
    )


def _policy(policy: Any) -> Explanation:
    lines = {
        "answers": [Line(name) for name in policy.types or ("every event",)],
        "gives": [Line(one.__name__, place=str(place_of(one))) for one in _commands(policy)],
    }
    return Explanation(
        "policy",
        policy.name,
        f"policy {policy.name}",
        _first_line(getattr(policy, "meaning", "")),
        _place(policy),
        lines,
    )


def _follows(follower: Any, entry: EventType) -> bool:
    return follower.types is None or entry.name in follower.types


def _place(follower: Any) -> str:
    return str(getattr(follower, "place", ""))


def _commands(policy: Any) -> tuple[type[Command], ...]:
    return tuple(getattr(getattr(policy, "behaviour", policy), "gives", ()))


def _gives(policy: Any) -> str:
    waits = getattr(getattr(policy, "behaviour", policy), "waits", ())
    return f"-> {', '.join(one.__name__ for one in (*_commands(policy), *waits))}"


def _fields(message: type[Message], person: str) -> list[Line]:
    found = []
    for name, info in message.model_fields.items():
        mark = mark_of(info.metadata)
        whose = f"personal, of {mark.of or person}" if isinstance(mark, PersonalMark) else "public"
        found.append(Line(name, f"{_type(info.annotation)}, {whose}"))
    return found


def _columns(row: type[Any]) -> list[Line]:
    hints = get_type_hints(row, include_extras=True)
    marks = personal_fields(hints)
    return [
        Line(
            name, f"{_type(hint)}, " + (f"personal, of {marks[name].of or 'contact_id'}" if name in marks else "public")
        )
        for name, hint in hints.items()
    ]


def _person(entry: EventType) -> str:
    """Whose an event's personal fields are: the contact's, else the lead's, else the thing's own."""
    kinds = {entry.noun, *entry.refers.values(), *_kinds_in_state(entry.cls)}
    people = [f"the {kind}" for kind in ("contact", "lead") if kind in kinds]
    return " or ".join(people) or f"the {entry.noun} itself"


def _kinds_in_state(event: type[Event]) -> Iterable[str]:
    for decider in deciders():
        if event in decider.fold.follows and decider.noun == catalogue.of(event).noun:
            yield from filter(None, map(id_kind, get_type_hints(decider.fold.state).values()))


def _type(hint: Any) -> str:
    kind = id_kind(hint)
    names = (
        [f"{kind} id"] if kind else [_name(one) for one in members(hint) if getattr(one, "__name__", "") != "Erased"]
    )
    return " or ".join(dict.fromkeys(names))


def _name(hint: Any) -> str:
    arguments: tuple[Any, ...] = getattr(hint, "__args__", ())
    if arguments and getattr(hint, "__origin__", None) is tuple:
        return f"several {_type(arguments[0])}"
    if arguments:
        return " | ".join(str(one) for one in arguments)
    name = getattr(hint, "__name__", str(hint))
    return _SHORT.get(name, _SHORT.get(getattr(getattr(hint, "__supertype__", None), "__name__", ""), name))


def _first_line(text: str | None) -> str:
    return (text or "").strip().partition("\n")[0]


def _raises(text: str | None) -> list[tuple[str, str]]:
    """(error, why) of each line in a docstring's `Raises:` section."""
    section = (text or "").partition("Raises:\n")[2].partition("\n\n")[0]
    pairs = [line.strip().partition(": ") for line in section.splitlines() if ": " in line]
    return [(name.strip(), why) for names, _, why in pairs for name in names.split(",")]
