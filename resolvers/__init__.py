"""What a number means: who asks, which window, which figures, and how ratios are derived.

No HTTP, no GraphQL, no SQL. Everything handed out is a frozen dataclass or a plain tuple.
"""
