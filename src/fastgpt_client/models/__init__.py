"""What FastGPT answers, as typed objects. Every field may be missing: it has a default then."""
