"""``kill -9`` of the services of ``wirewatch up``, again and again: how soon each feed is polled again, and nothing twice."""
