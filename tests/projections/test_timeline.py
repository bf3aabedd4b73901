"""One fact stands on the timeline of everything it regards."""

from crm_core.definitions.pipelines import SHIPPED
from crm_core.events import PipelineDefined, PolicySwitchedOn
from crm_core.kernel.personal import ERASED
from crm_core.kernel.recorded import Recorded, Ref
from projections import timeline
from projections.testing import AT, rows
from tests.story import ADA, DEAL, FABRIKAM, LEAD, NOWHERE, PURCHASE, ada, bought, forgotten, opened


def test_a_deal_is_on_the_timelines_of_its_people_and_company() -> None:
    found = rows(timeline, opened)
    assert {about for about, _ in found} == {DEAL, ADA, FABRIKAM, LEAD}
    assert len({(row.says, row.type, row.stream, row.done_by, row.at) for row in found.values()}) == 1


def test_a_line_says_what_happened_when_and_by_whom() -> None:
    row = rows(timeline, bought)[PURCHASE, 1]
    assert row.says == "bought 2 for 90.00 EUR"
    assert (row.type, row.at, row.done_by, row.version) == ("purchase.recorded", AT, "user:test", 1)


def test_lines_stand_in_the_order_of_the_log() -> None:
    found = rows(timeline, ada, opened, bought)
    assert [position for about, position in found if about == ADA] == [1, 2, 3]


def test_a_forgotten_persons_lines_stay_without_what_they_said() -> None:
    found = rows(timeline, ada, opened, bought, forgotten)
    assert [(row.type, row.says) for (about, _), row in found.items() if about == ADA] == [
        ("contact.added", ERASED),
        ("deal.opened", ERASED),
        ("purchase.recorded", ERASED),
        ("person.forgotten", "forgotten: consent_withdrawn"),
    ]


def test_how_the_business_is_set_up_is_on_nobodys_timeline() -> None:
    defined = PipelineDefined(pipeline="standard", stages=SHIPPED["standard"])
    books = Ref("definitions", NOWHERE)
    assert rows(timeline, Recorded.of(defined, at=AT, regards=(books,)), PolicySwitchedOn(policy="thank")) == {}
