-- +goose Up

-- Configurations of requests under names. version is the number of the one in use.
CREATE TABLE presets (
    id          TEXT   NOT NULL PRIMARY KEY,
    account     TEXT   NOT NULL,
    workspace   TEXT   NOT NULL,
    slug        TEXT   NOT NULL,
    name        TEXT   NOT NULL,
    description TEXT   NOT NULL,
    creator     TEXT   NOT NULL,
    status      TEXT   NOT NULL,
    status_at   BIGINT NOT NULL,
    version     BIGINT NOT NULL,
    created_at  BIGINT NOT NULL,
    updated_at  BIGINT NOT NULL
);

CREATE UNIQUE INDEX presets_slug ON presets (account, workspace, slug);

-- What each preset says and has said: members of a request's body in the words of a
-- dialect, and the system prompt. With row ids: a text of kilobytes does not fit into a
-- page of an index.
CREATE TABLE preset_versions (
    preset     TEXT   NOT NULL,
    number     BIGINT NOT NULL,
    id         TEXT   NOT NULL,
    account    TEXT   NOT NULL,
    creator    TEXT   NOT NULL,
    dialect    TEXT   NOT NULL,
    prompt     TEXT   NOT NULL,
    config     BLOB   NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (preset, number)
);

CREATE INDEX preset_versions_account ON preset_versions (account);

-- +goose Down
DROP TABLE preset_versions;
DROP TABLE presets;
