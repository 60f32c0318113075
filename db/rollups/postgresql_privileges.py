"""Who may do what with the rollups, on PostgreSQL.

The statements about what is lacking have rows of two columns: a problem, and the remedy.
"""

from collections.abc import Iterable

FOLDING = ("INSERT", "UPDATE", "DELETE")
"""The privileges that folding needs, besides SELECT."""

CANNOT_FOLD = "may not fold the rollups, so their log grows unless another role folds it"

# Owners may have given others more than that on whatever they make, by default privileges.
PRIVILEGES = """
DO $$ DECLARE
    home CONSTANT regnamespace := {schema_text};
    tables CONSTANT name[] := ARRAY[{tables}];
    held record;
BEGIN
    FOR held IN
        SELECT 'TABLE ' || pg_class.oid::regclass AS thing, acl.grantee
        FROM pg_class, aclexplode(relacl) AS acl
        WHERE (relnamespace = home AND relname = ANY (tables)
               OR oid IN (SELECT inhrelid FROM pg_inherits JOIN pg_class AS whole ON
                          whole.oid = inhparent AND relnamespace = home AND relname = ANY (tables))
               OR oid = pg_get_serial_sequence(home || '.call_rollups_log', 'id')::regclass)
        AND acl.grantee <> relowner
        UNION
        SELECT 'FUNCTION ' || pg_proc.oid::regprocedure, acl.grantee
        FROM pg_proc, aclexplode(coalesce(proacl, acldefault('f', proowner))) AS acl
        WHERE pronamespace = home AND proname IN ({functions}) AND acl.grantee <> proowner
    LOOP
        EXECUTE format('REVOKE ALL ON %s FROM %s', held.thing,
                       CASE held.grantee WHEN 0 THEN 'PUBLIC' ELSE held.grantee::regrole::text END);
    END LOOP;
    FOR held IN  -- who may read the calls may read their sums
        SELECT DISTINCT summed.oid::regclass AS thing, acl.grantee
        FROM pg_class AS read, aclexplode(coalesce(read.relacl, acldefault('r', read.relowner)))
            AS acl, pg_class AS summed
        WHERE read.relnamespace = home AND read.relname = 'calls' AND acl.privilege_type = 'SELECT'
        AND summed.relnamespace = home AND summed.relname = ANY (tables)
    LOOP
        EXECUTE format('GRANT SELECT ON %s TO %s', held.thing,
                       CASE held.grantee WHEN 0 THEN 'PUBLIC' ELSE held.grantee::regrole::text END);
    END LOOP;
END $$
"""


def lacking_to_create(tables: Iterable[str], functions: Iterable[str]) -> str:
    """The statement about what this role lacks to create the rollups, or to replace them.

    To create a trigger locks its table as strongly as needed, and takes no other privilege.
    """
    tables_there = ", ".join(f"to_regclass('{table}')" for table in tables)
    functions_there = ", ".join(f"to_regprocedure('{function}()')" for function in functions)
    return f"""
SELECT format('role %s may not create tables in schema %s', reader, home),
    format('GRANT CREATE ON SCHEMA %s TO %s;', home, reader)
FROM (SELECT relnamespace::regnamespace AS home, quote_ident(current_user) AS reader
      FROM pg_class WHERE oid = 'calls'::regclass) AS watched
WHERE NOT has_schema_privilege(home, 'CREATE')
UNION ALL
SELECT format('role %I may not create triggers on table %s', current_user, oid::regclass),
    format('GRANT TRIGGER ON %s TO %I;', oid::regclass, current_user)
FROM pg_class WHERE oid IN ('calls'::regclass, 'assistants'::regclass)
AND NOT has_table_privilege(oid, 'TRIGGER')
UNION ALL
SELECT format('only role %s may replace the rollups that are there', owner::regrole),
    format('run the command as role %s', owner::regrole)
FROM (SELECT relowner FROM pg_class WHERE oid IN ({tables_there})
      UNION SELECT proowner FROM pg_proc WHERE oid IN ({functions_there})) AS there (owner)
WHERE NOT pg_has_role(owner, 'USAGE')
"""


def lacking_to_read(tables: Iterable[str]) -> str:
    """The statement about what this role lacks to read the rollups."""
    return _lacking("current_user", "may not read the rollups", ("SELECT",), tables)


def lacking_to_fold(tables: Iterable[str]) -> str:
    """The statement about what this role lacks to fold the rollups, which it may read."""
    return f"""
SELECT 'this server is a standby, on which nothing can be folded',
    'have a service, or call-analytics rollups compact, work on its primary'
WHERE pg_is_in_recovery()
UNION ALL
{_lacking("current_user", CANNOT_FOLD, FOLDING, tables)}"""


def readers_that_cannot_fold(tables: Iterable[str]) -> str:
    """The statement about what those lack to fold the rollups who were given SELECT on them."""
    return f"""
SELECT lacking.* FROM pg_class CROSS JOIN aclexplode(relacl) AS acl
JOIN pg_roles ON pg_roles.oid = acl.grantee
CROSS JOIN LATERAL ({_lacking("rolname", CANNOT_FOLD, FOLDING, tables)}) AS lacking
WHERE pg_class.oid = 'call_rollups_log'::regclass AND acl.privilege_type = 'SELECT'
ORDER BY 1
"""


def _lacking(role: str, problem: str, privileges: Iterable[str], tables: Iterable[str]) -> str:
    """A row, where the role that an expression names has not all of the privileges."""
    granting = f"GRANT {', '.join(privileges)} ON {', '.join(tables)} TO %I;"
    return f"""
SELECT format('role %I {problem}', {role}), format('{granting}', {role})
WHERE NOT (
    SELECT bool_and(has_table_privilege({role}, name, privilege))
    FROM unnest(ARRAY{list(tables)}) AS tables (name)
    CROSS JOIN unnest(ARRAY{list(privileges)}) AS needed (privilege)
)"""
