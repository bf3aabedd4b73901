-- Who may do what with the key store. The writer forgets people too: it may destroy a key, and nothing else of one.
DO $$
DECLARE
    one text;
BEGIN
    FOREACH one IN ARRAY ARRAY['{roles}_writer', '{roles}_projector'] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = one) THEN
            EXECUTE format('CREATE ROLE %I NOLOGIN', one);
        END IF;
    END LOOP;
    IF current_setting('server_version_num')::integer >= 170000 THEN
        GRANT MAINTAIN ON {schema}.crm_keys TO {roles}_writer; -- for the VACUUM behind a forgetting
    END IF;
END $$;

GRANT USAGE ON SCHEMA {schema} TO {roles}_writer, {roles}_projector;
GRANT SELECT, INSERT ON {schema}.crm_keys, {schema}.crm_secrets TO {roles}_writer;
GRANT UPDATE (key, erased_at) ON {schema}.crm_keys TO {roles}_writer;
GRANT SELECT ON {schema}.crm_keys TO {roles}_projector;

CREATE OR REPLACE FUNCTION {schema}.crm_only_forget() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN
    IF OLD.key IS NULL OR NEW.key IS NOT NULL OR NEW.subject <> OLD.subject THEN
        RAISE EXCEPTION 'a key can only be destroyed' USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NEW;
END $$;
CREATE OR REPLACE TRIGGER crm_only_forget BEFORE UPDATE ON {schema}.crm_keys
    FOR EACH ROW EXECUTE FUNCTION {schema}.crm_only_forget();
REVOKE EXECUTE ON FUNCTION {schema}.crm_only_forget() FROM PUBLIC;
