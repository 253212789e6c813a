"""Named lengths of time; a day is 24 hours, in UTC."""

from typing import Final

MINUTE_MS: Final = 60_000
HOUR_MS: Final = 3_600_000
DAY_MS: Final = 86_400_000
DAY_S: Final = 86_400
