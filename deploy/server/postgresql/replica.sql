-- The role by which replicas follow: psql -v ON_ERROR_STOP=1 -f replica.sql < FILE, with its password in FILE.
\set password `cat`
SELECT 'CREATE ROLE raiox_replica LOGIN' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'raiox_replica') \gexec
ALTER ROLE raiox_replica WITH LOGIN REPLICATION NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS PASSWORD :'password';
