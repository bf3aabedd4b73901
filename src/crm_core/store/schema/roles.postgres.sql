-- Who may do what with the log. Group roles without login, made by the owner; running it again changes nothing.
DO $$
DECLARE
    one text;
BEGIN
    FOREACH one IN ARRAY ARRAY['{roles}_writer', '{roles}_projector', '{roles}_reader', '{roles}_auditor'] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = one) THEN
            EXECUTE format('CREATE ROLE %I NOLOGIN', one);
        END IF;
    END LOOP;
    -- whoever is no superuser must belong to the projector to say who may read what it makes
    IF NOT pg_has_role(current_user, '{roles}_projector', 'USAGE') THEN
        GRANT {roles}_projector TO CURRENT_USER;
    END IF;
END $$;

GRANT USAGE ON SCHEMA {schema} TO {roles}_writer, {roles}_projector, {roles}_reader, {roles}_auditor;
GRANT SELECT ON {schema}.crm_events, {schema}.crm_links, {schema}.crm_meta, {schema}.crm_followers
    TO {roles}_writer, {roles}_projector, {roles}_reader, {roles}_auditor;
GRANT SELECT ON {schema}.crm_commands TO {roles}_writer, {roles}_auditor;
GRANT INSERT ON {schema}.crm_events, {schema}.crm_links, {schema}.crm_commands TO {roles}_writer;
GRANT INSERT, UPDATE, DELETE ON {schema}.crm_followers TO {roles}_projector;
GRANT CREATE ON SCHEMA {schema} TO {roles}_projector;
ALTER DEFAULT PRIVILEGES FOR ROLE {roles}_projector IN SCHEMA {schema}
    GRANT SELECT ON TABLES TO {roles}_reader, {roles}_writer;

-- the functions that append; and what this owner folded before there were roles is the projector's from now on
DO $$
DECLARE
    one record;
BEGIN
    FOR one IN SELECT oid::regprocedure::text AS name FROM pg_proc
               WHERE pronamespace = '{schema}'::regnamespace AND proowner = current_user::regrole LOOP
        EXECUTE 'REVOKE EXECUTE ON FUNCTION ' || one.name || ' FROM PUBLIC';
        EXECUTE 'GRANT EXECUTE ON FUNCTION ' || one.name || ' TO {roles}_writer';
    END LOOP;
    FOR one IN SELECT oid::regclass::text AS name, relkind FROM pg_class
               WHERE relnamespace = '{schema}'::regnamespace AND relkind IN ('r', 'v') AND relowner = current_user::regrole
               AND relname NOT IN ('crm_events', 'crm_links', 'crm_commands', 'crm_followers', 'crm_meta') LOOP
        EXECUTE format('ALTER %s %s OWNER TO {roles}_projector',
                       CASE one.relkind WHEN 'v' THEN 'VIEW' ELSE 'TABLE' END, one.name);
        EXECUTE 'GRANT SELECT ON ' || one.name || ' TO {roles}_reader, {roles}_writer';
    END LOOP;
END $$;
INSERT INTO {schema}.crm_meta (name, value) VALUES ('roles', '{roles}')
    ON CONFLICT (name) DO UPDATE SET value = excluded.value;
