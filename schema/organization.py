"""The GraphQL types of an organization."""

import strawberry


@strawberry.type(description="A voice assistant that makes and takes calls.")
class Assistant:
    """An assistant in ``organization``."""

    id: int = strawberry.field(
        description="The assistant's id on the platform, for `callAnalytics(assistantIds:)`."
    )
    name: str = strawberry.field(description="The assistant's name.")
    is_active: bool = strawberry.field(
        description="Whether it is in use. Calls of inactive assistants count too."
    )


@strawberry.type(description="The organization that the API key belongs to.")
class Organization:
    """The answer of ``organization``."""

    id: int = strawberry.field(description="The organization's id on the platform.")
    name: str = strawberry.field(description="The organization's name.")
    assistants: list[Assistant] = strawberry.field(
        description="All its assistants, by ascending id, those without calls and inactive ones "
        "included."
    )
