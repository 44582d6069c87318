-- +goose Up

-- Every text that the operator's policy had while it held, and when it last began to. A
-- version '' is that there was none.
CREATE TABLE house_versions (
    version   TEXT   NOT NULL PRIMARY KEY,
    loaded_at BIGINT NOT NULL,
    text      TEXT   NOT NULL
) WITHOUT ROWID;
CREATE INDEX house_versions_by_time ON house_versions (loaded_at);

-- +goose Down
DROP TABLE house_versions;
