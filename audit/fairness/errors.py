"""What the statistics refuse.

FairnessError (ValueError)
├── LayoutError             the plan's table cannot be built: edges, groups
│   └── ThresholdOffEdgeError   a threshold between two edges would need counts that nobody made
├── CodingError             a row does not fit the plan's table: unknown group, score off the bins
│   └── RepeatedMemberError     one member in two cells: the noise would be too small for her
├── TableMismatchError      tables of different layouts cannot be added or compared
└── ThresholdsError         limits that no verdict could be based on
"""


class FairnessError(ValueError):
    """Root of everything this package refuses."""


class LayoutError(FairnessError):
    """A table cannot be laid out as asked."""


class ThresholdOffEdgeError(LayoutError):
    """The decision's threshold is not on an edge between two bins."""

    def __init__(self, threshold: float, edges: tuple[float, ...]) -> None:
        self.threshold = threshold
        self.edges = edges
        inner = ", ".join(f"{edge:g}" for edge in edges[1:-1])
        super().__init__(f"threshold {threshold:g} is not on an inner edge of the bins; choose one of {inner}")


class CodingError(FairnessError):
    """A row does not fit the table that the plan declares."""


class RepeatedMemberError(CodingError):
    """A member appears in more than one row, so that one member would change more than one cell."""

    def __init__(self, repeated: int) -> None:
        self.repeated = repeated
        super().__init__(f"{repeated} rows repeat a member; keep one decision of each member")


class DecisionsError(CodingError):
    """A file of decisions has a line that is none; `line` counts from the header, which is 1."""

    def __init__(self, what: str, *, line: int) -> None:
        self.line = line
        super().__init__(f"line {line}: {what}")


class TableMismatchError(FairnessError):
    """Two tables do not have the same layout."""


class ThresholdsError(FairnessError):
    """Thresholds are outside the values that mean something."""


class ReportError(FairnessError):
    """Stored data is not a report of this package."""


class LanguageError(FairnessError):
    """Reports are not written in this language."""
