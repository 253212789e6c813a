"""Our reader and our appends beside Kafka's own performance tools, on one broker in one run."""
