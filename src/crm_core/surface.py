"""What `crm_core` offers by name: `from crm_core import CRM`."""

from crm_core.app import CRM
from crm_core.kernel.authorisation import Allow, Deny
from crm_core.kernel.errors import Conflict, CRMError, Invalid, NotFound, Refused
from crm_core.kernel.foreign import Foreign
from crm_core.kernel.money import Money
from crm_core.kernel.personal import Erased
from crm_core.kernel.recorded import Actor, Receipt, Recorded
from crm_core.reading import AsOf, History, View
from crm_core.status import FollowerStatus, Status
from crm_core.writing import Request

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
    "Foreign",
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
