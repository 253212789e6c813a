"""The command line and the supervisor of ``wirewatch up``. Nobody imports it."""
