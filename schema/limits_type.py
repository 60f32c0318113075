"""The GraphQL type of the limits."""

import strawberry


@strawberry.type(
    description="What one request may ask for, and how many requests there may be. Whatever "
    "exceeds this is refused, with an error code, before any data is read."
)
class Limits:
    """The answer of ``limits``."""

    max_body_bytes: int = strawberry.field(description="Bytes of a request's body.")
    max_tokens: int = strawberry.field(description="Tokens of a document.")
    max_depth: int = strawberry.field(
        description="Levels of a document's selections; a fragment is a level too."
    )
    max_fields: int = strawberry.field(
        description="Fields of a document, as this and the following are counted when its "
        "fragments are written out."
    )
    max_repeated_fields: int = strawberry.field(
        description="Fields that are selected once more at the same place under the same name."
    )
    max_aliases: int = strawberry.field(description="Aliases of a document.")
    max_root_fields: int = strawberry.field(
        description="Fields of an operation itself. Each counts as a request to rate limits, and "
        "so do `previous`, `statuses` and `durations` wherever they are."
    )
    max_directives: int = strawberry.field(description="Directives of a document.")
    max_errors: int = strawberry.field(description="Errors that one response tells.")
    max_lists: int = strawberry.field(
        description="Lists of one `callAnalytics`, those of `previous` included. The figures of a "
        "window count as one, all its percentiles as one, and all its histograms as one."
    )
    max_assistants: int = strawberry.field(description="`limit` of `topAssistants`.")
    max_assistant_ids: int = strawberry.field(description="Ids in `assistantIds`.")
    max_window_days: int = strawberry.field(
        description="Days of `dates`, and times 24 hours of `instants`."
    )
    max_series_points: int = strawberry.field(
        description="Points of a `series`. All series and `dailyStats` of one "
        "`callAnalytics`, aliases and `previous` included, may have twice as many."
    )
    max_histogram_edges: int = strawberry.field(description="`edges` of a `histogram`.")
    max_page_size: int = strawberry.field(
        description="Calls in all pages of `calls` of one `callAnalytics`."
    )
    max_statuses: int = strawberry.field(description="`statuses` of `calls`.")
    max_concurrent_requests: int = strawberry.field(
        description="Requests that one server process answers at the same time."
    )
    body_timeout_seconds: float = strawberry.field(
        description="Seconds in which a request must have been sent."
    )
    request_timeout_seconds: float = strawberry.field(
        description="Seconds after which a request is given up."
    )
    statement_timeout_seconds: float = strawberry.field(
        description="Seconds after which the database gives up a statement."
    )
    requests_per_minute: int | None = strawberry.field(
        description="Requests of your key or, without one, of your address; null is any number. A "
        "document that is refused, or asks for the schema, counts as ten."
    )
    requests_per_hour: int | None = strawberry.field(description="The same in an hour.")
    requests_per_day: int | None = strawberry.field(description="The same in a day.")
