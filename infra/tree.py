"""Where the repository keeps what is deployed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Tree:
    """The folders of a checkout, by what they hold."""

    root: Path = Path(__file__).resolve().parents[1]

    @property
    def functions(self) -> Path:
        """The import root of the function packages."""
        return self.root / "functions"

    @property
    def layers(self) -> Path:
        """The layers that are our own code, laid out as Lambda wants them."""
        return self.root / "layers"

    @property
    def build(self) -> Path:
        """What is made at synthesis and may be deleted at any time."""
        return self.root / "build"
