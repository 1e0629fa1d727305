"""How many errors the events of each cause account for, without counting an error twice.

Near an event whose lift is shown, the attributable fraction 1 − 1/ratio of the errors would not be there at
the rate elsewhere. Near events of several causes these fractions may add up to more than one; then each
takes its part of the one error there is (docs/model.md).
"""

import numpy as np
from numpy.typing import NDArray

from pipeline.attribute.ratios import Floats


def shared_out(fractions: Floats, near: NDArray[np.bool_]) -> Floats:
    """Errors that each cause accounts for; their sum is never more than the errors near any of them.

    Args:
        fractions: of each cause, from 0 to 1.
        near: causes times errors: does the error lie near an event of the cause?
    """
    claims = fractions[:, None] * near
    shared = claims / np.maximum(claims.sum(axis=0), 1.0)
    return np.asarray(shared.sum(axis=1), dtype=np.float64)
