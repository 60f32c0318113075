"""Documents that are made to cost a server dearly, and the code each is refused with here."""

_LIMIT = "LIMIT_EXCEEDED"
_INVALID = "GRAPHQL_VALIDATION_FAILED"
_SYNTAX = "GRAPHQL_PARSE_FAILED"
_INPUT = "BAD_USER_INPUT"

_LISTS = "totalCalls dailyStats { date } series { end } hoursOfWeek { hour } statuses { calls }"

DOCUMENTS = {
    "aliases": ("{ " + " ".join(f"a{n}: __typename" for n in range(150)) + " }", _LIMIT),
    "aliases of figures": (
        "{ " + " ".join(f"a{n}: callAnalytics {{ totalCalls }}" for n in range(100)) + " }",
        _LIMIT,
    ),
    "root fields": (
        "{ "
        + " ".join(f"a{n}: callAnalytics(period: LAST_90_DAYS) {{ id }}" for n in range(11))
        + " }",
        _LIMIT,
    ),
    "aliases in a fragment": (
        "{ callAnalytics { ...F } } fragment F on CallAnalytics { "
        + " ".join(f"a{n}: totalCalls" for n in range(31))
        + " }",
        _LIMIT,
    ),
    "a fragment that is spread over and over": (
        "{ " + " ".join(f"a{n}: callAnalytics {{ ...F }}" for n in range(9)) + " } "
        "fragment F on CallAnalytics { " + " ".join(f"a{n}: totalCalls" for n in range(5)) + " }",
        _LIMIT,
    ),
    "fragments that double": (
        "{ ...F0 } "
        + " ".join(f"fragment F{n} on Query {{ ...F{n + 1} ...F{n + 1} }}" for n in range(15))
        + " fragment F15 on Query { __typename }",
        _LIMIT,
    ),
    "a field over and over": ("{ callAnalytics { " + "totalCalls " * 450 + "} }", _LIMIT),
    "root fields over and over": ("{ " + "callAnalytics { id } " * 180 + "}", _LIMIT),
    "lists over and over": ("{ callAnalytics { " + "dailyStats { date } " * 190 + "} }", _LIMIT),
    "directives": ("{ __typename " + "@include(if: true) " * 120 + "}", _LIMIT),
    "unknown directives": ("{ __typename " + "@aa " * 450 + "}", _LIMIT),
    "a circle of fragments": (
        "{ ...A } fragment A on Query { ...B } fragment B on Query { ...A }",
        _INVALID,
    ),
    "a fragment of itself": ("{ ...A } fragment A on Query { ...A }", _INVALID),
    "a circle that is never used": (
        "{ __typename } fragment A on Query { ...B } fragment B on Query { ...A }",
        _INVALID,
    ),
    "the schema over and over": (
        "{ " + " ".join(f"a{n}: __schema {{ types {{ name }} }}" for n in range(9)) + " }",
        _LIMIT,
    ),
    "types over and over": (
        "{ __schema { " + " ".join(f"a{n}: types {{ name }}" for n in range(9)) + " } }",
        _LIMIT,
    ),
    "a type over and over": (
        "{ " + " ".join(f'a{n}: __type(name: "Query") {{ name }}' for n in range(9)) + " }",
        _LIMIT,
    ),
    "a circle of introspection": (
        "{ __schema { types { fields { type { fields { type { fields { name } } } } } } } }",
        _INVALID,
    ),
    "a circle of introspection in fragments": (
        (
            "{ __schema { types { ...A } } } fragment A on __Type { fields { type { ...B } } } "
            "fragment B on __Type { fields { type { fields { name } } } }"
        ),
        _INVALID,
    ),
    "depth": ("{ a " * 30 + "} " * 30, _LIMIT),
    "depth for the parser": ("{a" * 900, _SYNTAX),
    "depth of values": ("{ a(x: " + "[" * 900 + ") }", _SYNTAX),
    "inline fragments": ("{ " + "... { " * 100 + "id " + "} " * 100 + "}", _LIMIT),
    "inline fragments side by side": ("{ " + "... { __typename } " * 150 + "}", _LIMIT),
    "tokens": ("{ a(x: [" + "1 " * 5_000 + "]) }", _SYNTAX),
    "comments": ("#\n" * 20_000 + "{ __typename }", _SYNTAX),
    "variables": (
        "query(" + " ".join(f"$v{n}: Int" for n in range(240)) + ") { __typename }",
        _INVALID,
    ),
    "a long string": (
        '{ callAnalytics(period: "' + "x" * 90_000 + '") { id } }',
        _INVALID,
    ),
    "unknown fields": (
        "{ callAnalytics { " + " ".join(f"totalCall{n}" for n in range(450)) + " } }",
        _INVALID,
    ),
    "unknown fragments": ("{ " + " ".join(f"...F{n}" for n in range(450)) + " }", _INVALID),
    "many operations": (
        " ".join("query Same { __typename }" for _ in range(190)),
        _INVALID,
    ),
    "the window before, over and over": (
        "{ callAnalytics { " + f"{_LISTS} previous {{ " * 12 + _LISTS + " }" * 14,
        _INPUT,
    ),
    "series over and over": (
        "{ callAnalytics(period: LAST_90_DAYS) { "
        + " ".join(f"a{n}: series(grain: HOUR) {{ start end totalCalls }}" for n in range(29))
        + " } }",
        _INPUT,
    ),
    "a series of too many points": (
        (
            '{ callAnalytics(dates: {first: "2020-01-01", last: "2029-12-31"}, timeZone: '
            '"Asia/Kathmandu") { series(grain: QUARTER_HOUR) { totalCalls } } }'
        ),
        _INPUT,
    ),
    "orders over and over": (
        "{ callAnalytics { "
        + " ".join(f"a{n}: topAssistants(minCalls: {n + 1}) {{ calls }}" for n in range(29))
        + " } }",
        _INPUT,
    ),
    "a very long name of a zone": (
        '{ callAnalytics(timeZone: "' + "Europe/" * 12_000 + '") { totalCalls } }',
        _INPUT,
    ),
    "a zone that is a path": (
        '{ callAnalytics(timeZone: "../../../../etc/passwd") { totalCalls } }',
        _INPUT,
    ),
    "assistants by the thousand": (
        "{ callAnalytics(assistantIds: [" + "1," * 900 + "]) { totalCalls } }",
        _INPUT,
    ),
    "edges by the hundred": (
        "{ callAnalytics { durations { histogram(edges: ["
        + ",".join(map(str, range(1, 800)))
        + "]) { calls } } } }",
        _INPUT,
    ),
}
