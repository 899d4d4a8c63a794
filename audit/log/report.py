"""What a verification found, as data and in plain words."""

from dataclasses import dataclass

from audit.log.checkpoint import Checkpoint


@dataclass(frozen=True)
class Report:
    """The outcome of verifying a log.

    Attributes:
        origin: the log that was asked for.
        checkpoint: its head; None if the signature did not hold, and then nothing else was looked at.
        quorum: the witness or group of witnesses that the policy asks for; "none" if it asks for none.
        witnesses: names of the witnesses whose cosignatures are valid.
        since: size of the older checkpoint that the log was held against, if one was given.
        tiles: number of tiles compared.
        entries: number of entries read and hashed; None if only hashes were there to be checked.
        findings: what is wrong, most important first; empty if the log is verified.
        remarks: what is odd but proves nothing.
    """

    origin: str
    checkpoint: Checkpoint | None = None
    quorum: str = "none"
    witnesses: tuple[str, ...] = ()
    since: int | None = None
    tiles: int = 0
    entries: int | None = None
    findings: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()

    @property
    def verified(self) -> bool:
        """Is everything that was looked at as it must be?"""
        return self.checkpoint is not None and not self.findings

    def _cosigned(self) -> str:
        names = ", ".join(self.witnesses)
        quorum = "" if self.quorum == "none" else f", which makes the quorum {self.quorum!r}"
        return f" and cosigned by {names}{quorum}" if names else ""

    def in_words(self) -> list[str]:
        """Say what was checked, what was found, and what was not checked: lines for a person."""
        lines = [f"Log {self.origin}"]
        if self.checkpoint:
            lines += [
                f"The checkpoint names {self.checkpoint.size:,} entries, root {self.checkpoint.root.hex()}.",
                f"It is signed by the log's key{self._cosigned()}.",
                f"Compared {self.tiles:,} tiles, byte for byte, with what the entries make of them.",
            ]
            if self.entries is None:
                lines.append(
                    "Entries were not there to be read: hashes can show that no entry was changed, removed or put in "
                    "between, but not what the entries say."
                )
            else:
                lines.append(f"Read {self.entries:,} entries; each must hash to its place in the tree.")
            if self.since is not None:
                lines.append(f"Held against your older checkpoint of {self.since:,} entries.")
            elif self.quorum == "none":
                lines.append(
                    "Not checked: that the log shows everybody the same history. Keep this checkpoint and give it next "
                    "time with --since, or ask for witnesses with --policy."
                )
        lines += [f"WRONG: {finding}" for finding in self.findings]
        lines += [f"Note: {remark}" for remark in self.remarks]
        lines.append("VERIFIED" if self.verified else "NOT VERIFIED")
        return lines
