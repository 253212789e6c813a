"""The kill harness: everything is killed at random moments, then what came of it is compared with an undisturbed run.

::

    feed ─► connectors ─► raw stream ─► pipeline ─► store, output streams       (real processes, killed by faults)
                               │                        │
                               └──► check: bounded run ─┴─► equal? nothing missing, nothing twice

``feed`` serves articles and knows what it served; ``parts`` are the processes; ``faults`` are what is done to them;
``setups`` put three installations together; ``torture`` is the loop; ``check`` judges; ``report`` prints and keeps.
"""
