"""Limits of a GraphQL document."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentLimits:
    """The most that a document may have; ``limits_type.Limits`` describes each for clients."""

    max_tokens: int
    max_depth: int
    max_fields: int
    max_repeated_fields: int
    max_aliases: int
    max_root_fields: int
    max_directives: int
    max_errors: int
