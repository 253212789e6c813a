"""How quickly feeds are polled, beside a plain loop, and what the schedule saves."""
