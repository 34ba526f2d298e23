"""The attribute study of the AIAG manual (MSA, 4th edition, table III-C 1): 50 parts, appraisers A, B, C, 3 trials."""

import numpy as np

from lineproof.proof.agreement.study import Study

_ALL_BAD = (3, 4, 5, 9, 25, 37, 39, 42, 45, 48, 50)
_MIXED = {  # verdicts of A, B, C, then the reference; 1 is good
    6: ("110", "110", "100", 1),
    7: ("111", "111", "101", 1),
    12: ("000", "000", "010", 0),
    14: ("110", "111", "100", 1),
    21: ("110", "101", "010", 1),
    22: ("001", "010", "110", 0),
    26: ("010", "000", "001", 0),
    30: ("000", "001", "000", 0),
    34: ("001", "001", "011", 0),
    36: ("110", "111", "101", 1),
    43: ("101", "111", "110", 1),
}


def aiag_study() -> Study:
    """As in the manual."""
    rows = [_MIXED.get(n, ("000",) * 3 + (0,) if n in _ALL_BAD else ("111",) * 3 + (1,)) for n in range(1, 51)]
    good = np.array([[[verdict == "1" for verdict in row[i]] for row in rows] for i in range(3)])
    bad = np.array([row[3] == 0 for row in rows])
    return Study(tuple(str(n) for n in range(1, 51)), ("A", "B", "C"), ~good, bad)
