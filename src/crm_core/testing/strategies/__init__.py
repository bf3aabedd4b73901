"""Hypothesis strategies for every command and event there is, a host's own too; needs the package `hypothesis`.

```python
@given(strategies.command(WinDeal))                  # any WinDeal that can be said
@given(strategies.event(DealWon, amount=EUR90))      # any DealWon of this amount
@given(strategies.commands(max_size=10))             # a story: what is referred to has been added before
```

They are read off the fields and their marks, so that a new command has one by being declared. Values go
well beyond the usual: every script, amounts up to the last cent, the first and the last day.
"""

from crm_core.testing.strategies import shapes
from crm_core.testing.strategies.messages import command, event, shape
from crm_core.testing.strategies.stories import commands
from crm_core.testing.strategies.values import register, values

__all__ = ["command", "commands", "event", "register", "shape", "shapes", "values"]
