"""Any message of a class: every field drawn from its type, and rules between fields kept."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol, TypeVar, get_type_hints

from hypothesis import reject
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from crm_core.kernel.catalogue import catalogue
from crm_core.kernel.errors import CatalogueError, Invalid
from crm_core.kernel.messages import Command, Event, Message
from crm_core.kernel.personal import PersonalMark, mark_of
from crm_core.testing.strategies.values import values

C = TypeVar("C", bound=Command)
E = TypeVar("E", bound=Event)
Said = dict[str, Any]
Some = Callable[[str], SearchStrategy[Any]]
"""A field's name → its values but None."""


class Shape(Protocol):
    """Makes what was drawn field by field keep the rules between the fields.

    `said` lacks the fields that were left out; `some` gives more values. Returns what is to be said.
    """

    def __call__(self, draw: DrawFn, said: Said, some: Some) -> Said:
        """What is to be said instead."""
        ...


_TRIES = 20
_shapes: dict[type[Message], Shape] = {}
_values: dict[tuple[type[Message], str], dict[str, SearchStrategy[Any]]] = {}


def shape(*classes: type[Message]) -> Callable[[Shape], Shape]:
    """Decorates the function that keeps the rules between the fields of these classes, and of those below them.

    ```python
    @strategies.shape(BookRoom)
    def ends_after_it_begins(draw, said, some):
        return {**said, "until": draw(st.datetimes(min_value=said["begins"]))}
    ```

    Without it a command that breaks such a rule is drawn again, which costs time where most do.
    """

    def keep(function: Shape) -> Shape:
        _shapes.update(dict.fromkeys(classes, function))
        return function

    return keep


def command(cls: type[C], *, prefix: str = "", **fields: Any) -> SearchStrategy[C]:
    """Any command of this class that can be said; whether a rule refuses it is another matter.

    `fields` fixes some: a value, or a strategy. Personal texts begin with `prefix`, so that a test can
    look for them where they must not be. Ids that may be left out are, now and then.

    Raises:
        Invalid: `fields` names one that the class does not have.
    """
    return message(cls, prefix, fields)


def event(cls: type[E], *, prefix: str = "", **fields: Any) -> SearchStrategy[E]:
    """Any event of this class, with values such as somebody may have recorded; otherwise as `command`."""
    return message(cls, prefix, fields).filter(_has_a_stream)


def message(cls: type[Any], prefix: str, fixed: Mapping[str, Any]) -> SearchStrategy[Any]:
    """Any message of this class, these fields fixed."""
    strangers = sorted(fixed.keys() - cls.model_fields.keys())
    if strangers:
        raise Invalid(cls.__name__, [(name, "is no field of it") for name in strangers])
    own = {**field_values(cls, prefix), **{name: _strategy(one) for name, one in fixed.items()}}
    needed = {name: own[name] for name, info in cls.model_fields.items() if name in fixed or info.is_required()}
    spare = {name: one for name, one in own.items() if name not in needed}
    return whole(cls, st.fixed_dictionaries(needed, optional=spare), lambda name: but_none(own[name]), fixed.keys())


def whole(cls: type[Any], drawn: SearchStrategy[Said], some: Some, kept: Iterable[str] = ()) -> SearchStrategy[Any]:
    """The messages that these drawn fields make, once the rules between them are kept, but not by changing `kept`."""
    return _whole(cls, drawn, some, tuple(kept)).filter(lambda found: found is not None)


@st.composite
def _whole(draw: DrawFn, cls: type[Any], drawn: SearchStrategy[Said], some: Some, kept: tuple[str, ...]) -> Any:
    said = draw(drawn)
    fitting = shaped(draw, cls, said, some)
    return made(cls, {**fitting, **{name: said[name] for name in kept}})


@st.composite
def but_none(draw: DrawFn, values: SearchStrategy[Any]) -> Any:
    """One of these values that is not None."""
    for _ in range(_TRIES):
        found = draw(values)
        if found is not None:
            return found
    return reject()


def shaped(draw: DrawFn, cls: type[Message], said: Said, some: Some) -> Said:
    """What is said once the rules between the fields are kept."""
    found = next((_shapes[one] for one in cls.__mro__ if one in _shapes), None)
    return said if found is None else found(draw, said, some)


def made(cls: type[Any], said: Said) -> Any:
    """The message; None: a rule between its fields says no.

    Raises:
        Invalid: a field has a value that its own type refuses, so that no strategy should have made it.
    """
    try:
        return cls(**said)
    except Invalid as error:
        if any(field in cls.model_fields or "." in field for field, _ in error.problems):
            raise
        return None


def field_values(cls: type[Message], prefix: str) -> dict[str, SearchStrategy[Any]]:
    """Field → its values."""
    if (cls, prefix) not in _values:
        hints = get_type_hints(cls, include_extras=True)
        _values[cls, prefix] = {
            name: values(hints[name], prefix=prefix if isinstance(mark_of(info.metadata), PersonalMark) else "")
            for name, info in cls.model_fields.items()
        }
    return _values[cls, prefix]


def _has_a_stream(event: Event) -> bool:
    try:
        catalogue.of(event).stream(event)
    except CatalogueError:
        return False
    return True


def _strategy(one: Any) -> SearchStrategy[Any]:
    return one if isinstance(one, SearchStrategy) else st.just(one)
