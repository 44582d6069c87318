-- +goose Up

-- How often a key may ask in a minute, and for how many tokens; -1 is no limit.
ALTER TABLE api_keys ADD COLUMN requests_per_minute BIGINT NOT NULL DEFAULT -1;
ALTER TABLE api_keys ADD COLUMN tokens_per_minute BIGINT NOT NULL DEFAULT -1;

-- How often each account asked a free variant on each day (UTC, days since 1970). Days
-- that are over are dropped.
CREATE TABLE free_requests (
    account  TEXT   NOT NULL,
    day      BIGINT NOT NULL,
    requests BIGINT NOT NULL,
    PRIMARY KEY (account, day)
) WITHOUT ROWID;

-- +goose Down
DROP TABLE free_requests;
ALTER TABLE api_keys DROP COLUMN tokens_per_minute;
ALTER TABLE api_keys DROP COLUMN requests_per_minute;
