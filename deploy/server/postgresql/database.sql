-- Role, database and extension, made if they are not there: psql -v ON_ERROR_STOP=1 -f database.sql < FILE
-- The password comes by the standard input, so that no list of processes shows it.
\set password `cat`
SELECT 'CREATE ROLE raiox LOGIN' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'raiox') \gexec
-- It may make databases: a backup is tried out in one of its own.
ALTER ROLE raiox WITH LOGIN CREATEDB NOSUPERUSER NOCREATEROLE NOREPLICATION NOBYPASSRLS PASSWORD :'password';
SELECT 'CREATE DATABASE raiox OWNER raiox ENCODING ''UTF8'' TEMPLATE template0'
WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = 'raiox') \gexec
REVOKE CONNECT ON DATABASE raiox, postgres FROM PUBLIC;
-- From there it makes those databases; the extension, which takes a superuser, they have from their template.
GRANT CONNECT ON DATABASE postgres TO raiox;
\connect template1
CREATE EXTENSION IF NOT EXISTS vector;
ALTER EXTENSION vector UPDATE;
\connect raiox
CREATE EXTENSION IF NOT EXISTS vector;
-- A newer package brings a newer extension.
ALTER EXTENSION vector UPDATE;
