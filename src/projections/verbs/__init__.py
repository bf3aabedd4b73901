"""What views add to the program `crm`: one file, one verb."""

import sys

from crm_core.cli.verbs import Verbs


def register(verbs: Verbs) -> None:
    """Add every verb of this package."""
    verbs.add_package(sys.modules[__name__], "Views")
