"""Finishing what a forgetting began: the fact is recorded first, then the keys are destroyed."""

import logging
import threading

from crm_core.contact.events import PersonForgotten
from crm_core.session import FORGETTINGS
from crm_core.store.forking import renewed
from crm_core.store.opening import Store

logger: logging.Logger = logging.getLogger("crm_core.forgetting")


class Forgetting:
    """Destroys the keys of everyone the log says is forgotten; safe to run again after a crash at any point."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._position = 0
        self._guard = renewed(self, "_guard", threading.Lock)

    def finish(self) -> int:
        """Destroy what is due since the last call; how many keys there were.

        A role that may not destroy keys leaves it to the next opener who may.
        """
        if not self._store.rights.forget:
            return 0
        with self._guard:
            with self._store.database.looking() as transaction:
                rows = self._store.log.page(transaction, self._position, 2**62, None, 10_000, [FORGETTINGS.id])
            destroyed = 0
            for fact in self._store.withholding_mapper.recorded(rows):
                if isinstance(fact.event, PersonForgotten):
                    self._store.database.barrier()
                    destroyed += self._store.keys.destroy(fact.event.subjects, fact.recorded_at)
                    logger.info("forgot %d keys for event %s", len(fact.event.subjects), fact.id)
                self._position = fact.position
            return destroyed
