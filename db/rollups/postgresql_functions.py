"""The texts of what the rollups' triggers run on PostgreSQL, with places for names and bodies."""

# OTHERS is not a cancelled query, which ends as it
# should. One note is enough: it goes when the triggers do, and so after all transactions that have
# seen it.
# The table is recognised by what every snapshot shows: by its id, for its name may change, and by
# its name, for a restored copy has another id.
IS_ANOTHER = "TG_RELID <> {oid} AND TG_RELID IS DISTINCT FROM to_regclass({table_text})"

# A partition is the table, too: who may write to it by its own name fires its own trigger, and no
# other.
IS_ANOTHER_OR_PARTITION = f"""{IS_ANOTHER} AND NOT EXISTS (
        SELECT FROM pg_inherits
        WHERE inhrelid = TG_RELID AND inhparent IN ({{oid}}, to_regclass({{table_text}}))
    )"""

# Fires for the partitioned table, and for each of its partitions, whose numbers are those of the
# rollups' partitions.
TRUNCATE_PARTITION = """
        IF TG_TABLE_NAME ~ '_[0-9]+$' THEN
            EXECUTE format('TRUNCATE %1$s.call_rollups_log_%2$s, '
                           '%1$s.call_rollups_assistants_%2$s, '
                           '%1$s.call_rollups_organizations_%2$s',
                           {schema_text}, substring(TG_TABLE_NAME FROM '[0-9]+$'));
        END IF
"""

ON_EACH_PARTITION = """
DO $$ DECLARE
    part regclass;
BEGIN
    FOR part IN SELECT inhrelid FROM pg_inherits WHERE inhparent = {table_text}::regclass LOOP
        EXECUTE format($creation${creation}$creation$, part);
    END LOOP;
END $$
"""

FUNCTION = """
CREATE FUNCTION {schema}.{name}() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET timezone = 'UTC'
AS $$
DECLARE
    failures regclass;
BEGIN
    IF {is_another} THEN
        RAISE insufficient_privilege
        USING MESSAGE = 'only triggers of the table {table} may do this';
    END IF;
    BEGIN
        {body};
    EXCEPTION WHEN OTHERS THEN
        IF SQLSTATE LIKE '40%' THEN
            RAISE;  -- a deadlock, or a transaction that must be run again
        END IF;
        failures := to_regclass({schema_text} || '.call_rollups_failures');
        IF failures IS NULL THEN  -- the schema has a new name
            SELECT pg_class.oid INTO failures
            FROM pg_trigger JOIN pg_proc ON pg_proc.oid = tgfoid
            JOIN pg_class ON relnamespace = pronamespace AND relname = 'call_rollups_failures'
            WHERE tgrelid = TG_RELID AND tgname = TG_NAME;
        END IF;
        IF failures IS NOT NULL THEN  -- where it has been dropped, rollups are not read either
            EXECUTE format('INSERT INTO %1$s SELECT $1 WHERE NOT EXISTS (SELECT FROM %1$s)',
                           failures) USING SQLERRM;
        END IF;
    END;
    RETURN NULL;
END
$$
"""
