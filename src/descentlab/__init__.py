"""descentlab: a laboratory for regression by gradient descent.

In Python, and so in a notebook: `fit` trains what a config says, `members` and `fit_stack` train many at once.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from descentlab.runs.fit import Fitted, fit
    from descentlab.sweeps.fit import FittedStack, fit_stack
    from descentlab.sweeps.members import members

__version__ = "0.1.0"
__all__ = ["Fitted", "FittedStack", "fit", "fit_stack", "members"]

_PLACES = {
    "Fitted": "descentlab.runs.fit",
    "FittedStack": "descentlab.sweeps.fit",
    "fit": "descentlab.runs.fit",
    "fit_stack": "descentlab.sweeps.fit",
    "members": "descentlab.sweeps.members",
}


def __getattr__(name: str) -> Any:
    """What this package offers, imported when it is first asked for: torch takes a second."""
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_PLACES[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
