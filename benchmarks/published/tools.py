"""Tools: all whose rules are stated here."""

from __future__ import annotations

from . import autotrainer, cockpit, deep_diagnosis, deep_localize, umlaut

TOOLS = (
    autotrainer.TOOL,
    autotrainer.EXTENDED,
    deep_localize.TOOL,
    deep_diagnosis.TOOL,
    umlaut.TOOL,
    umlaut.AS_MEANT,
    cockpit.TOOL,
)
