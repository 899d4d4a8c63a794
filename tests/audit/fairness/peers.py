"""What LensKit says of the lists in `tests/vectors/lists.json`; it writes the answers there. `make peers` runs it.

LensKit needs pandas 2 and Accord has 3, so it has an environment of its own, and this file imports nothing of ours.
"""

import importlib.metadata
import json
import sys
from pathlib import Path

import numpy as np
from lenskit.data import ItemList
from lenskit.metrics import ExposureGini, ListGini, LogRankWeight, entropy


def answers(case: dict) -> dict:
    """Gini of lists and of exposure (1/log2(1 + rank)), and the entropy in bits of each list's categories."""
    lists = [ItemList(item_ids=np.array(one), ordered=True) for one in case["lists"]]
    by_lists = ListGini(items=case["items"])
    by_exposure = ExposureGini(items=case["items"], weight=LogRankWeight(offset=1))
    categories = np.eye(max(case["category"]) + 1)[case["category"]]
    return {
        "version": importlib.metadata.version("lenskit"),
        "list_gini": float(by_lists.global_aggregate([by_lists.compute_list_data(one, None) for one in lists])),
        "exposure_gini": float(
            by_exposure.global_aggregate([by_exposure.compute_list_data(one, None) for one in lists])
        ),
        "entropy_bits": [entropy(one, categories[ids]) for one, ids in zip(lists, case["lists"], strict=True)],
    }


def main(path: Path) -> None:
    """Answer every case of the file."""
    cases = json.loads(path.read_text(encoding="utf-8"))
    for case in cases:
        case["lenskit"] = answers(case)
    path.write_text(json.dumps(cases, separators=(",", ":")) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
