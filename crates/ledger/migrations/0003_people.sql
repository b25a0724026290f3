-- Who may come in at the desk, by what, and what they did there. Nothing here opens a door: passwords, tokens and links are hashes.

-- A person. The login is in lower case; a scope is opaque here.
CREATE TABLE people (
    id TEXT NOT NULL PRIMARY KEY,
    login TEXT NOT NULL,
    name TEXT NOT NULL,
    password TEXT,
    role TEXT NOT NULL,
    scope TEXT NOT NULL,
    language TEXT NOT NULL,
    totp TEXT,
    totp_step BIGINT NOT NULL,
    subject TEXT,
    disabled_at BIGINT,
    made_at BIGINT NOT NULL,
    changed_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX people_login ON people (login);
CREATE UNIQUE INDEX people_subject ON people (subject);
CREATE INDEX people_made ON people (made_at, id);

-- Somebody who signed in with a browser. `token` is a hash.
CREATE TABLE sessions (
    token TEXT NOT NULL PRIMARY KEY,
    person TEXT NOT NULL,
    state TEXT NOT NULL,
    csrf TEXT NOT NULL,
    made_at BIGINT NOT NULL,
    seen_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX sessions_person ON sessions (person, made_at);
CREATE INDEX sessions_expires ON sessions (expires_at);

-- A program's way in. `token` is a hash.
CREATE TABLE api_tokens (
    id TEXT NOT NULL PRIMARY KEY,
    token TEXT NOT NULL,
    person TEXT NOT NULL,
    label TEXT NOT NULL,
    role TEXT NOT NULL,
    scope TEXT NOT NULL,
    made_at BIGINT NOT NULL,
    last_used_at BIGINT,
    expires_at BIGINT,
    revoked_at BIGINT
);
CREATE UNIQUE INDEX api_tokens_token ON api_tokens (token);
CREATE INDEX api_tokens_person ON api_tokens (person, made_at);

-- Links that work once. `link` is a hash; `person` is whose password is set anew.
CREATE TABLE invitations (
    link TEXT NOT NULL PRIMARY KEY,
    kind TEXT NOT NULL,
    person TEXT,
    role TEXT NOT NULL,
    scope TEXT NOT NULL,
    made_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    used_at BIGINT
);
CREATE INDEX invitations_expires ON invitations (expires_at);

-- Failures to sign in, by a keyed hash of the login, of the client's network, or of whoever has yet to give a second factor.
CREATE TABLE sign_in_attempts (
    who TEXT NOT NULL PRIMARY KEY,
    failures BIGINT NOT NULL,
    since BIGINT NOT NULL,
    last_at BIGINT NOT NULL,
    free_at BIGINT NOT NULL
);
CREATE INDEX sign_in_attempts_last ON sign_in_attempts (last_at);

-- What was done and looked at. Rows are only added.
CREATE TABLE audit (
    id TEXT NOT NULL PRIMARY KEY,
    at BIGINT NOT NULL,
    person TEXT,
    what TEXT NOT NULL,
    subject TEXT NOT NULL,
    detail TEXT NOT NULL,
    client TEXT
);
CREATE INDEX audit_at ON audit (at, id);
CREATE INDEX audit_person ON audit (person, at);
CREATE INDEX audit_what ON audit (what, at);
