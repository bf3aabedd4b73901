"""`python -m crm_core` is the program `crm`."""

import sys

from crm_core.cli import main

if __name__ == "__main__":
    sys.exit(main())
