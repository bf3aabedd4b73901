"""Write the stored form of every event type and version that has no file yet: `python -m tests.histories.add`."""

from tests.histories import examples, stored


def add() -> list[str]:
    """Write what is missing; the names of the files written. What is there is never touched."""
    missing = [one for one in map(stored, examples()) if not one.path.exists()]
    for one in missing:
        one.path.write_text(one.line(), encoding="utf-8")
    return [one.path.name for one in missing]


if __name__ == "__main__":
    print("\n".join(add()) or "nothing to add")  # noqa: T201 - a program for people
