"""How many Gauss-Newton steps to take at once, from what the last one brought (Barzilai and Borwein 1988).

Gauss-Newton alone would creep: it does not see what follows the movement, as each window's slope and offset
or a robust weight do.
"""

from __future__ import annotations

import numpy as np


def pace(wanted: float, brought: float, fastest: float) -> float:
    """Steps to take at once, 1 to `fastest`.

    Args:
        wanted: By how much the last step should have lowered the force along itself.
        brought: By how much it did.
        fastest: As many steps at most.
    """
    return float(np.clip(wanted / brought, 1.0, fastest)) if brought > 0.0 else fastest
