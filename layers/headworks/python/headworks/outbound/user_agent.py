"""Who deliveries say they come from."""

from __future__ import annotations

from headworks.version import __version__

USER_AGENT = f"Headworks/{__version__}"
