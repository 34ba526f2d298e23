"""The checks, one idea a file; each looks at the records and the pixels and yields findings."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from lineproof.data.audit.checks.balance import check_good_parts, check_instances
from lineproof.data.audit.checks.boxes import check_boxes, check_masks, check_twice
from lineproof.data.audit.checks.files import check_files, check_mono
from lineproof.data.audit.checks.listing import check_classes, check_listing
from lineproof.data.audit.checks.sizes import check_sizes
from lineproof.data.audit.checks.twins import (
    check_agreement,
    check_clusters,
    check_copies,
    check_crossing,
    check_groups,
)
from lineproof.data.audit.checks.unlabelled import check_unlabelled
from lineproof.data.audit.finding import Finding
from lineproof.data.audit.pixels import Pixels
from lineproof.data.audit.raw import RawDataset

Check = Callable[[RawDataset, Pixels], Iterator[Finding]]


def all_checks(min_instances: int) -> tuple[Check, ...]:
    """Every check there is."""
    return (
        check_files,
        check_mono,
        check_listing,
        check_classes,
        check_sizes,
        check_boxes,
        check_masks,
        check_twice,
        check_unlabelled,
        check_copies,
        check_crossing,
        check_groups,
        check_agreement,
        check_clusters,
        check_instances(min_instances),
        check_good_parts,
    )
