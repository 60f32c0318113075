"""What clients see: the GraphQL schema and its HTTP view, the explorer, and the REST endpoint.

No SQL and no arithmetic. GraphQL and REST are siblings that call the same resolver; neither calls
the other.
"""
