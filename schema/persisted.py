"""Documents that a client names by their hash instead of sending them.

Either those that clients have sent before (Apollo's automatic persisted queries:
https://github.com/apollographql/apollo-link-persisted-queries#protocol), or, where the operator
says so, those of a file and no others.
"""

import hashlib
from pathlib import Path
from typing import Literal

import orjson
from cachetools import LRUCache
from graphql import GraphQLError
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from call_analytics.schema.documents import InvalidDocument

ORGANIZATIONS = 250
CHARACTERS_EACH = 200_000
"""Bound of what is remembered for one organization: the summed length of its documents."""


class PersistedQuery(BaseModel):
    """The protocol's extension of a request; other extensions are not ours."""

    model_config = ConfigDict(strict=True, frozen=True)

    version: Literal[1]
    sha256_hash: str = Field(alias="sha256Hash", pattern="^[0-9a-f]{64}$")


class UnknownDocument(InvalidDocument):
    """A document that is named and not known, or not to be run."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(code, [GraphQLError(message)])


class PersistedQueries:
    """The documents that organizations have sent with their hash; none sees another's."""

    def __init__(self) -> None:
        self._of: LRUCache[int, LRUCache[str, str]] = LRUCache(ORGANIZATIONS)

    def find(self, organization_id: int | None, sha256_hash: str) -> str:
        """The text of a document; without an organization there is none.

        Raises:
            UnknownDocument: in the words that make Apollo's clients send all of it.
        """
        documents = None if organization_id is None else self._of.get(organization_id)
        text = None if documents is None else documents.get(sha256_hash)
        if text is None:
            raise UnknownDocument("PERSISTED_QUERY_NOT_FOUND", "PersistedQueryNotFound")
        return text

    def remember(self, organization_id: int, sha256_hash: str, text: str) -> None:
        """Keep a valid document for an organization; where there are too many, old ones go."""
        documents = self._of.get(organization_id)
        if documents is None:
            documents = self._of[organization_id] = LRUCache(CHARACTERS_EACH, getsizeof=len)
        if len(text) <= documents.maxsize:
            documents[sha256_hash] = text


class TrustedDocuments:
    """The documents of files, which are the only ones that may be run."""

    def __init__(self, documents: dict[str, str]) -> None:
        self._texts = set(documents.values())
        self._by_hash = {sha256(text): text for text in self._texts} | documents

    @classmethod
    def read(cls, *paths: Path) -> "TrustedDocuments":
        """The documents of JSON files: objects of texts by hash, as code generators write them.

        Raises:
            ValueError: where a file is no such thing.
        """
        documents: dict[str, str] = {}
        try:
            for path in paths:
                text = path.read_bytes()
                documents |= TypeAdapter(dict[str, str]).validate_python(orjson.loads(text))
        except (OSError, orjson.JSONDecodeError, ValidationError):
            raise ValueError("must name a JSON file: an object of GraphQL texts by hash") from None
        return cls(documents)

    def find(self, text: str | None, sha256_hash: str | None) -> str:
        """The text of a document that is given by its text or its hash.

        Raises:
            UnknownDocument: where it is not one of these.
        """
        if text in self._texts:
            return str(text)
        if text is None and sha256_hash in self._by_hash:
            return self._by_hash[str(sha256_hash)]
        raise UnknownDocument("DOCUMENT_NOT_TRUSTED", "Only documents of the operator's list run.")


def named_hash(extensions: dict[str, object] | None) -> str | None:
    """The hash by which a request names its document; None where it names none.

    Raises:
        UnknownDocument: where it is named in a way that is not version 1 of the protocol.
    """
    if not extensions or "persistedQuery" not in extensions:
        return None
    try:
        named = PersistedQuery.model_validate(extensions["persistedQuery"])
    except ValidationError:
        raise UnknownDocument(
            "PERSISTED_QUERY_NOT_SUPPORTED", "PersistedQueryNotSupported"
        ) from None
    return named.sha256_hash


def check_hash(text: str, sha256_hash: str) -> None:
    """See that a hash is that of a text.

    Raises:
        UnknownDocument: where it is not.
    """
    if sha256(text) != sha256_hash:
        raise UnknownDocument("PERSISTED_QUERY_MISMATCH", "The hash is not that of the query.")


def sha256(text: str) -> str:
    """A document's hash, in lower-case hex."""
    return hashlib.sha256(text.encode()).hexdigest()
