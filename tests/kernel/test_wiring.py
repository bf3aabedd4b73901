"""Annotations are the wiring: each way to write them is read, and what cannot be read is refused at import."""

import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent.parent
HEADS = {
    "plain": "",
    "strings": "from __future__ import annotations",
}
