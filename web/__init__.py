"""What HTTP is: the endpoints, the explorer, headers, statuses, and what a connection may cost.

GraphQL and REST are siblings that call the same resolver; neither calls the other.
"""
