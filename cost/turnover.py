"""How often a board changes: what share of scores beat their player's best, and what share the top K.

The distribution behind it: the scores of a season are independent draws from one continuous distribution, and
any of them may come next. Which distribution it is does not matter, for only the order of the scores counts:

- The n-th score of a player on a board is the best so far with probability 1/n.
- The t-th score on a board is among the best K so far with probability K/t, or 1 while there are no K.

So a board changes all the time when a season begins, and hardly ever when it is old. A simulation of players
holds both against boards with one row per player, also with players of unequal skill (see the tests): within
a tenth. What it leaves out is that players learn, or that points add up: then more scores are a best, and the
shares are to be given (`--change-share`, `--improving-share`).
"""

import math

_EULER = 0.5772156649015329


def harmonic(n: float) -> float:
    """Return 1 + 1/2 + … + 1/n, for any n of at least 1: by Euler and Maclaurin, within 0.01."""
    return math.log(n) + _EULER + 1 / (2 * n) - 1 / (12 * n * n)


def improving_share(scores: float) -> float:
    """Return the share of a player's first `count` scores on a board that were the best until then."""
    return 1.0 if scores <= 1 else min(1.0, harmonic(scores) / scores)


def change_share(top: int, scores: float) -> float:
    """Return the share of the first `count` scores on a board that changed its top K."""
    if scores <= top:
        return 1.0
    return min(1.0, top * (1 + harmonic(scores) - harmonic(top)) / scores)
