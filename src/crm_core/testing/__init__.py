"""For tests of your own rules, views and policies.

```python
given(opened).when(WinDeal(deal_id=D, closed_on=TODAY, amount=EUR90)).then(won)
given(opened, lost).when(WinDeal(deal_id=D, closed_on=TODAY)).refused(DealNotOpen)

with a_crm(policies=["follow_up_on_demo_request"]) as crm:
    crm.execute(SubmitForm(form="demo_request", name="Ada"), by="customer:web")
    crm.clock.advance(days=14)
```

`given` needs no store: the facts are folded into the states and definitions that the decision asks
for, each event into the state of its own stream. `a_crm` is a whole CRM, in memory, whose time passes
only when told to. `example` makes one message of any class; `crm_core.testing.strategies` makes all
sorts of them, for Hypothesis; `crm_core.testing.histories` replays what was recorded.

Views and policies are tested by what their own packages ship: `projections.testing.rows` and
`policies.testing.tell`. They are not here because the core does not know the two.
"""

from crm_core.testing.decisions import Given, Outcome, given
from crm_core.testing.examples import COMMAND_ID, example
from crm_core.testing.staged import MONDAY, MovableClock, StagedCRM, a_crm

__all__ = [
    "COMMAND_ID",
    "MONDAY",
    "Given",
    "MovableClock",
    "Outcome",
    "StagedCRM",
    "a_crm",
    "example",
    "given",
]
