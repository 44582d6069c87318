-- +goose Up

-- The apps that ask with keys of an account, as they name themselves: by the origin of
-- their URL. categories are joined with commas.
CREATE TABLE apps (
    id         BIGINT NOT NULL PRIMARY KEY,
    account    TEXT   NOT NULL,
    app_key    TEXT   NOT NULL,
    url        TEXT   NOT NULL,
    title      TEXT   NOT NULL,
    categories TEXT   NOT NULL,
    first_at   BIGINT NOT NULL,
    last_at    BIGINT NOT NULL
);

CREATE UNIQUE INDEX apps_of_account ON apps (account, app_key);

ALTER TABLE generations ADD COLUMN app BIGINT NOT NULL DEFAULT 0;

-- +goose Down
ALTER TABLE generations DROP COLUMN app;
DROP TABLE apps;
