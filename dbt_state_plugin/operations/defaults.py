"""What holds where nobody says otherwise?"""

from __future__ import annotations

DEFAULT_LOCK_TIMEOUT = 60.0  # seconds
