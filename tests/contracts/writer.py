"""A process that appends: writer.py URL NAME LABEL BATCHES SIZE, where each batch is SIZE records of one key.

A value is ``LABEL batch place`` and some filling. Prints a line for each acknowledged batch. Run by the contract tests.
"""

from __future__ import annotations

import sys

from core.streams import NewRecord, open_stream


def main() -> None:
    url, name, label, batches, size = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]), int(sys.argv[5])
    with open_stream(url, name) as stream:
        for batch in range(batches):
            values = [f"{label} {batch} {place} {'x' * 2000}".encode() for place in range(size)]
            stream.append([NewRecord(label.encode(), value) for value in values])
            print(batch, flush=True)


if __name__ == "__main__":
    main()
