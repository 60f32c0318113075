"""Weighing a document before it is validated: validation itself is what hostile ones are after.

Fragments are written out, so nothing can be hidden in them, but each is looked at once, so the
weighing costs no more than the document is long.
"""

from dataclasses import dataclass, replace

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionNode,
    SelectionSetNode,
)

from call_analytics.schema.limits import DocumentLimits

INTROSPECTION_COST = 9
"""In requests, beside the one that it is."""
COUNTED_FIELDS = {"previous", "statuses", "durations"}
"""Fields that count as a request, wherever they are: the window before, and what reads calls."""


class LimitExceeded(Exception):  # noqa: N818 - a state of the document
    """A document asks for more than a limit allows; the message names it as clients know it."""


@dataclass(frozen=True, slots=True)
class Weight:
    """What selections come to."""

    names: tuple[str, ...] = ()
    """The response names at their own level."""
    depth: int = 0
    """Levels; a fragment is one."""
    fields: int = 0
    """Fields at all levels; ``repeated``, ``aliases`` and ``directives`` count all levels too."""
    repeated: int = 0
    """Fields whose response name another field at the same place has."""
    aliases: int = 0
    directives: int = 0
    requests: int = 0
    """What they count as, beside the root fields."""

    def beside(self, other: "Weight") -> "Weight":
        """Both, at the same level."""
        return Weight(
            self.names + other.names,
            max(self.depth, other.depth),
            self.fields + other.fields,
            self.repeated + other.repeated,
            self.aliases + other.aliases,
            self.directives + other.directives,
            self.requests + other.requests,
        )


def weigh(document: DocumentNode, limits: DocumentLimits) -> int:
    """Check a document against the limits; returns how many requests it counts as.

    Each root field is one, for each may run a statement; so is each of ``COUNTED_FIELDS``. The
    schema is ten: sending it is most of what a stranger can have the service do. Of several
    operations the dearest counts.

    A fragment that spreads itself counts once: validation refuses it.

    Raises:
        LimitExceeded: where any limit is.
    """
    return _Scale(document, limits).weigh()


class _Scale:
    """Weighs one document."""

    def __init__(self, document: DocumentNode, limits: DocumentLimits) -> None:
        self._document = document
        self._limits = limits
        self._fragments = {
            definition.name.value: definition
            for definition in document.definitions
            if isinstance(definition, FragmentDefinitionNode)
        }
        self._weighed: dict[str, Weight] = {}
        self._is_introspection = False

    def weigh(self) -> int:
        total, root_fields, requests = Weight(), 0, 0
        for definition in self._document.definitions:
            if isinstance(definition, OperationDefinitionNode):
                weight = self._field_set(definition.selection_set, level=1)
                root_fields = max(root_fields, len(weight.names))
                requests = max(requests, len(weight.names) + weight.requests)
                variables = definition.variable_definitions or ()
                on_variables = sum(len(variable.directives or ()) for variable in variables)
                own = len(definition.directives or ()) + on_variables
                total = self._checked(total.beside(weight).beside(Weight(directives=own)))
        for name in self._fragments.keys() - self._weighed.keys():  # never spread, but validated
            weight = self._fragment(name, level=1)
            total = self._checked(total.beside(weight).beside(_repetition(weight)))
        self._check("root fields", root_fields, "maxRootFields", self._limits.max_root_fields)
        return requests + (INTROSPECTION_COST if self._is_introspection else 0)

    def _field_set(self, selection_set: SelectionSetNode | None, level: int) -> Weight:
        """What is selected below a field or an operation, where names meet."""
        if selection_set is None:
            return Weight()
        weight = self._side_by_side(selection_set, level)
        return weight.beside(_repetition(weight))

    def _side_by_side(self, selection_set: SelectionSetNode, level: int) -> Weight:
        self._check("levels", level, "maxDepth", self._limits.max_depth)
        weight = Weight()
        for selection in selection_set.selections:
            own = Weight(directives=len(selection.directives or ()))
            weight = self._checked(weight.beside(own).beside(self._one(selection, level)))
        self._check("levels", level + weight.depth, "maxDepth", self._limits.max_depth)
        return weight.beside(Weight(depth=weight.depth + 1))

    def _one(self, selection: SelectionNode, level: int) -> Weight:
        match selection:
            case FragmentSpreadNode():
                return self._fragment(selection.name.value, level)
            case InlineFragmentNode():
                return self._side_by_side(selection.selection_set, level + 1)
            case FieldNode():
                below = self._field_set(selection.selection_set, level + 1)
                name = (selection.alias or selection.name).value
                aliases = below.aliases + (selection.alias is not None)
                if selection.name.value in ("__schema", "__type"):
                    self._is_introspection = True
                    if aliases:  # each would repeat a long answer
                        raise LimitExceeded(f"No aliases at or below {selection.name.value}.")
                return replace(
                    below,
                    names=(name,),
                    fields=below.fields + 1,
                    aliases=aliases,
                    requests=below.requests + (selection.name.value in COUNTED_FIELDS),
                )
        raise AssertionError(selection)

    def _fragment(self, name: str, level: int) -> Weight:
        fragment = self._fragments.get(name)
        if fragment is None:
            return Weight()
        if name not in self._weighed:
            self._weighed[name] = Weight()  # for one that spreads itself
            weight = self._side_by_side(fragment.selection_set, level + 1)
            own = Weight(directives=len(fragment.directives or ()))
            self._weighed[name] = weight.beside(own)
        return self._weighed[name]

    def _checked(self, weight: Weight) -> Weight:
        limits = self._limits
        self._check("fields", weight.fields, "maxFields", limits.max_fields)
        self._check(
            "repeated fields", weight.repeated, "maxRepeatedFields", limits.max_repeated_fields
        )
        self._check("aliases", weight.aliases, "maxAliases", limits.max_aliases)
        self._check("directives", weight.directives, "maxDirectives", limits.max_directives)
        return weight

    def _check(self, what: str, amount: int, name: str, limit: int) -> None:
        if amount > limit:
            raise LimitExceeded(f"Too many {what}: limits {{ {name} }} is {limit}.")


def _repetition(weight: Weight) -> Weight:
    """How often names meet among selections that are made at the same place."""
    return Weight(repeated=len(weight.names) - len(set(weight.names)))
