"""What a question means: its window, its figures, and how ratios are derived.

No HTTP, no GraphQL, no SQL. What is handed out is a frozen dataclass or a plain tuple.
"""
