"""The kinds of models that the package has to work on, by name: small, seeded, with what is expected of them."""

from kinds.connected import CONNECTED
from kinds.executed import EXECUTED
from kinds.headed import HEADED
from kinds.kind import Case, Kind
from kinds.positioned import POSITIONED, WITHOUT_POSITIONS
from kinds.wrapped import WRAPPED

KINDS = {**WRAPPED, **EXECUTED, **HEADED, **CONNECTED, **POSITIONED, **WITHOUT_POSITIONS}

__all__ = ["CONNECTED", "EXECUTED", "HEADED", "KINDS", "POSITIONED", "WITHOUT_POSITIONS", "WRAPPED", "Case", "Kind"]
