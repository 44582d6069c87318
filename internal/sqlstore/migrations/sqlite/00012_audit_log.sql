-- +goose Up

-- The audit log. text is a record's line as it was hashed (package trail); the other
-- columns say the same, to be asked for. number counts all records, seq those of an
-- account ('': the operator's).
CREATE TABLE audit_log (
    number  BIGINT NOT NULL PRIMARY KEY,
    account TEXT   NOT NULL,
    seq     BIGINT NOT NULL,
    at      BIGINT NOT NULL,
    action  TEXT   NOT NULL,
    text    BLOB   NOT NULL,
    hash    BLOB   NOT NULL,
    link    BLOB   NOT NULL
);

CREATE UNIQUE INDEX audit_log_account ON audit_log (account, seq);
CREATE INDEX audit_log_at ON audit_log (account, at);

-- +goose StatementBegin
CREATE TRIGGER audit_log_is_not_changed BEFORE UPDATE ON audit_log
BEGIN
    SELECT RAISE(ABORT, 'the audit log is append-only (S35)');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER audit_log_is_not_deleted BEFORE DELETE ON audit_log
BEGIN
    SELECT RAISE(ABORT, 'the audit log is append-only (S35)');
END;
-- +goose StatementEnd

-- Where each chain ends, and, as '*', the one over all: what is cut off at the end of the
-- log is missed here.
CREATE TABLE audit_heads (
    account TEXT   NOT NULL PRIMARY KEY,
    number  BIGINT NOT NULL,
    hash    BLOB   NOT NULL
) WITHOUT ROWID;

-- +goose StatementBegin
CREATE TRIGGER audit_heads_only_grow BEFORE UPDATE ON audit_heads WHEN NEW.number <= OLD.number
BEGIN
    SELECT RAISE(ABORT, 'the audit log is append-only (S35)');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER audit_heads_are_not_deleted BEFORE DELETE ON audit_heads
BEGIN
    SELECT RAISE(ABORT, 'the audit log is append-only (S35)');
END;
-- +goose StatementEnd

-- What tells this installation's records from any other's.
INSERT INTO meta (name, value) VALUES ('installation', randomblob(16));

-- +goose Down
DELETE FROM meta WHERE name = 'installation';
DROP TABLE audit_heads;
DROP TABLE audit_log;
