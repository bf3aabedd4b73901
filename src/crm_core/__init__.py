"""An event-sourced CRM core: every interaction with a customer is an immutable fact, kept for good and provable."""

import logging

__version__ = "0.1.0"

from crm_core.app import CRM
from crm_core.kernel.authorisation import Allow, Deny
from crm_core.kernel.errors import Conflict, CRMError, Invalid, NotFound, Refused
from crm_core.kernel.money import Money
from crm_core.kernel.personal import Erased
from crm_core.kernel.recorded import Actor, Receipt, Recorded
from crm_core.reading import AsOf, History, View
from crm_core.status import FollowerStatus, Status
from crm_core.writing import Request

logging.getLogger("crm_core").addHandler(logging.NullHandler())  # what is logged is the host's to configure

__all__ = [
    "CRM",
    "Actor",
    "Allow",
    "AsOf",
    "CRMError",
    "Conflict",
    "Deny",
    "Erased",
    "FollowerStatus",
    "History",
    "Invalid",
    "Money",
    "NotFound",
    "Receipt",
    "Recorded",
    "Refused",
    "Request",
    "Status",
    "View",
]
