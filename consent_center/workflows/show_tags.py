"""What models say of a member at her sites, relayed when she asks; deleting one is kept at the site, not here."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from federated.site.relay import Tag


class TagRelay(Protocol):
    """A site, as the hub asks it on a member's behalf; `federated.site.relay.SiteRelay` is one."""

    def tags_of(self, pseudonym: bytes) -> Sequence[Tag]:
        """What is held about her there, deleted ones marked."""
        ...

    def delete_tag(self, pseudonym: bytes, tag: str, *, at: datetime) -> None:
        """She deletes a tag: the next scoring leaves it out."""
        ...

    def restore_tag(self, pseudonym: bytes, tag: str) -> None:
        """She takes the deletion back."""
        ...


@dataclass(frozen=True, slots=True)
class SiteTags:
    """One site's answer.

    Attributes:
        tags: by name; None if the site did not answer.
    """

    site: str
    tags: tuple[Tag, ...] | None


def open_tags(pseudonyms: Mapping[str, bytes], sites: Mapping[str, TagRelay]) -> list[SiteTags]:
    """Ask each of her sites, outside any transaction.

    Args:
        pseudonyms: from `show_decisions.pseudonyms_of`.
        sites: how to reach them; one that is not here, or fails, has not answered.
    """
    found = []
    for site in sorted(pseudonyms):
        try:
            tags = tuple(sites[site].tags_of(pseudonyms[site])) if site in sites else None
        except Exception:  # noqa: BLE001  a site that fails has not answered; its error may quote her data
            tags = None
        found.append(SiteTags(site, tags))
    return found
