"""What others wrote, fit for a terminal, which would obey some of it; pure."""

# Between letters and emoji, where they only say how both are drawn.
JOINERS = "\u200c\u200d"


def printable(text: str) -> str:
    """Write by its number what would steer a terminal, or turn the direction of reading."""
    return text if text.isprintable() else "".join(map(_shown, text))


def _shown(one: str) -> str:
    return one if one.isprintable() or one in JOINERS or one == "\n" else ascii(one)[1:-1]
