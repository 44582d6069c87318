-- +goose Up

-- What the administrators of an account have set: privacy settings, workspaces,
-- guardrails, and who has which guardrail. text is JSON that package policy reads. An
-- account's revision counts its changes.
CREATE TABLE policy_revisions (
    account  TEXT   NOT NULL PRIMARY KEY,
    revision BIGINT NOT NULL
) WITHOUT ROWID;

CREATE TABLE policy_objects (
    account    TEXT   NOT NULL,
    kind       TEXT   NOT NULL,
    id         TEXT   NOT NULL,
    version    BIGINT NOT NULL,
    text       BLOB   NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    PRIMARY KEY (account, kind, id)
) WITHOUT ROWID;

-- Every version that there ever was: what held at a revision is, of each object, the last
-- one up to it. An empty text is the end of an object.
CREATE TABLE policy_versions (
    account  TEXT   NOT NULL,
    revision BIGINT NOT NULL,
    kind     TEXT   NOT NULL,
    id       TEXT   NOT NULL,
    version  BIGINT NOT NULL,
    text     BLOB   NOT NULL,
    at       BIGINT NOT NULL,
    actor    TEXT   NOT NULL,
    PRIMARY KEY (account, revision, kind, id)
) WITHOUT ROWID;

ALTER TABLE api_keys ADD COLUMN data_class TEXT NOT NULL DEFAULT '';

-- +goose Down
ALTER TABLE api_keys DROP COLUMN data_class;
DROP TABLE policy_versions;
DROP TABLE policy_objects;
DROP TABLE policy_revisions;
