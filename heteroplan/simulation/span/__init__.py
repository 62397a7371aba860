"""Which part of a horizon is replayed: from where on (`begin`), or its busiest part (`busiest`)."""
