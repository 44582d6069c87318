-- Money is nano-dollars, times are microseconds since 1970 UTC (0: none), lists
-- are words separated by spaces.

-- +goose Up

-- A customer's books. posted is the sum of its entries, held the sum of its open
-- holds. debt is the sum of negative adjustments, the one thing that may take
-- a balance below zero (I4).
CREATE TABLE balances (
    account   TEXT   NOT NULL PRIMARY KEY,
    posted    BIGINT NOT NULL,
    held      BIGINT NOT NULL,
    credits   BIGINT NOT NULL,
    debt      BIGINT NOT NULL,
    opened_at BIGINT NOT NULL,
    CHECK (held >= 0),
    CHECK (debt <= 0),
    CHECK (posted - held >= debt)
) WITHOUT ROWID;

-- What counts against a limit (I19). base was spent before the scope was kept.
CREATE TABLE spending (
    scope    TEXT   NOT NULL PRIMARY KEY,
    ceiling  BIGINT NOT NULL,
    spent    BIGINT NOT NULL,
    held     BIGINT NOT NULL,
    base     BIGINT NOT NULL,
    CHECK (held >= 0),
    CHECK (spent >= 0),
    CHECK (spent + held <= ceiling)
) WITHOUT ROWID;

CREATE TABLE holds (
    ref       TEXT   NOT NULL PRIMARY KEY,
    account   TEXT   NOT NULL,
    amount    BIGINT NOT NULL,
    state     TEXT   NOT NULL,
    cost      BIGINT NOT NULL,
    captured  BIGINT NOT NULL,
    owner     TEXT   NOT NULL,
    scopes    TEXT   NOT NULL,
    opened_at BIGINT NOT NULL,
    beat_at   BIGINT NOT NULL,
    closed_at BIGINT NOT NULL,
    CHECK (state IN ('open', 'captured', 'voided', 'expired', 'captured_late')),
    CHECK (captured >= 0 AND captured <= amount AND captured <= cost)
) WITHOUT ROWID;

CREATE INDEX holds_open ON holds (owner) WHERE state = 'open';

-- One transaction is the rows of one (kind, ref); they sum to zero (I2).
CREATE TABLE entries (
    kind    TEXT   NOT NULL,
    ref     TEXT   NOT NULL,
    account TEXT   NOT NULL,
    amount  BIGINT NOT NULL,
    at      BIGINT NOT NULL,
    PRIMARY KEY (kind, ref, account),
    CHECK (amount <> 0)
) WITHOUT ROWID;

-- +goose StatementBegin
CREATE TRIGGER entries_are_not_changed BEFORE UPDATE ON entries
BEGIN
    SELECT RAISE(ABORT, 'entries are append-only (I18)');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER entries_are_not_deleted BEFORE DELETE ON entries
BEGIN
    SELECT RAISE(ABORT, 'entries are append-only (I18)');
END;
-- +goose StatementEnd

CREATE TABLE accounts (
    id         TEXT   NOT NULL PRIMARY KEY,
    name       TEXT   NOT NULL,
    workspace  TEXT   NOT NULL,
    created_at BIGINT NOT NULL
) WITHOUT ROWID;

-- hash is SHA-256(key) in hexadecimal, digest HMAC-SHA-256(pepper, key): the key
-- itself is kept nowhere (S02). spend_limit -1 is none.
CREATE TABLE api_keys (
    hash         TEXT   NOT NULL PRIMARY KEY,
    digest       BLOB   NOT NULL,
    account      TEXT   NOT NULL,
    workspace    TEXT   NOT NULL,
    name         TEXT   NOT NULL,
    label        TEXT   NOT NULL,
    creator      TEXT   NOT NULL,
    management   BIGINT NOT NULL,
    disabled     BIGINT NOT NULL,
    include_byok BIGINT NOT NULL,
    spend_limit  BIGINT NOT NULL,
    limit_reset  TEXT   NOT NULL,
    created_at   BIGINT NOT NULL,
    updated_at   BIGINT NOT NULL,
    expires_at   BIGINT NOT NULL
) WITHOUT ROWID;

CREATE INDEX api_keys_account ON api_keys (account, created_at);

CREATE TABLE meta (
    name  TEXT NOT NULL PRIMARY KEY,
    value BLOB NOT NULL
) WITHOUT ROWID;

-- Prices by content: a charge names the sheet it was made with, for ever (I9).
CREATE TABLE price_sheets (
    hash  TEXT NOT NULL PRIMARY KEY,
    sheet BLOB NOT NULL
) WITHOUT ROWID;

-- What is remembered of a call. The columns are what is asked for; detail is the
-- rest, as JSON.
CREATE TABLE generations (
    id         TEXT   NOT NULL PRIMARY KEY,
    account    TEXT   NOT NULL,
    key_hash   TEXT   NOT NULL,
    model      TEXT   NOT NULL,
    endpoint   TEXT   NOT NULL,
    sheet      TEXT   NOT NULL,
    began_at   BIGINT NOT NULL,
    ended_at   BIGINT NOT NULL,
    prompt     BIGINT NOT NULL,
    completion BIGINT NOT NULL,
    charged    BIGINT NOT NULL,
    detail     BLOB   NOT NULL
) WITHOUT ROWID;

-- What each key spent on each day (UTC, days since 1970), so that sums do not
-- read the log.
CREATE TABLE key_usage (
    account  TEXT   NOT NULL,
    key_hash TEXT   NOT NULL,
    day      BIGINT NOT NULL,
    requests BIGINT NOT NULL,
    charged  BIGINT NOT NULL,
    PRIMARY KEY (account, key_hash, day)
) WITHOUT ROWID;

-- +goose Down
DROP TABLE key_usage;
DROP TABLE generations;
DROP TABLE price_sheets;
DROP TABLE meta;
DROP TABLE api_keys;
DROP TABLE accounts;
DROP TABLE entries;
DROP TABLE holds;
DROP TABLE spending;
DROP TABLE balances;
