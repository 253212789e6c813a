"""What delivery keeps in the store: channels, mutes, deliveries, messages, recalls."""
