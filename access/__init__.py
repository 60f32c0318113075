"""Who may ask, and how often: API keys, client addresses, and rate limits.

No HTTP, no GraphQL, no SQL.
"""
