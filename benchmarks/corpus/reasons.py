"""Reasons why a case is left out."""


class LeftOut(Exception):
    """A case that is not diagnosed; the reason is the message."""

    state = "left out"


class Inexpressible(LeftOut):
    """A recipe has no words for what the case does."""

    state = "not expressible"


class Unavailable(LeftOut):
    """The case's data are not here."""

    state = "unavailable"
