"""Kills the process that imports it in the middle of a sink's transaction, if its environment asks for it.

Python imports this by itself in every process whose PYTHONPATH has this folder; nothing happens without the variable. The
file that it names arms the trap: ``statement N`` kills behind the N-th statement of the next sink transaction,
``commit MS`` as many milliseconds after its COMMIT was begun (so before, in or behind it). Who renames the file has it.
A second file, ``.relay`` behind its name, stops a process (SIGSTOP) that has read results to relay and appended none of them.
"""

import contextlib
import os
import signal
import threading

TRAP = os.environ.get("TORTURE_TRAP", "")


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _set() -> None:
    import sqlalchemy as sa

    def executed(connection, cursor, statement, parameters, context, many):  # type: ignore[no-untyped-def] # noqa: ARG001
        info = connection.info
        if statement.startswith("SELECT outbox.id, outbox.destination") and cursor.rowcount != 0:
            with contextlib.suppress(OSError):
                os.rename(f"{TRAP}.relay", f"{TRAP}.relay.{os.getpid()}")  # noqa: PTH104
                os.kill(os.getpid(), signal.SIGSTOP)
        if statement.startswith("UPDATE runs SET") and "last_place" in statement:
            # The sink's transaction begins with this; the trap is sprung once.
            info["torture"] = None
            with contextlib.suppress(OSError):
                os.rename(TRAP, f"{TRAP}.{os.getpid()}")  # noqa: PTH104
                with open(f"{TRAP}.{os.getpid()}") as file:  # noqa: PTH123
                    how, number = file.read().split()
                info["torture"] = [how, float(number)]
        if info.get("torture") and info["torture"][0] == "statement":
            info["torture"][1] -= 1
            if info["torture"][1] <= 0:
                _die()

    def commits(connection):  # type: ignore[no-untyped-def]
        armed = connection.info.pop("torture", None)
        if armed and (armed[0] == "statement" or armed[1] <= 0):
            _die()
        elif armed:
            threading.Timer(armed[1] / 1000, _die).start()

    sa.event.listen(sa.Engine, "after_cursor_execute", executed)
    sa.event.listen(sa.Engine, "commit", commits)


if TRAP:
    _set()
