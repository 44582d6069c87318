-- +goose Up

-- What each plan was made from, as JSON: to explain it, and to make it again. With row
-- ids, unlike the other tables: a text of a kilobyte does not fit into a page of an index.
CREATE TABLE decisions (
    generation TEXT   NOT NULL PRIMARY KEY,
    account    TEXT   NOT NULL,
    began_at   BIGINT NOT NULL,
    snapshot   TEXT   NOT NULL,
    text       BLOB   NOT NULL
);

CREATE INDEX decisions_began ON decisions (began_at);

-- Catalogues by their version, packed. used_at is when one was last the current one: no
-- decision that is younger names it.
CREATE TABLE snapshots (
    version TEXT   NOT NULL PRIMARY KEY,
    used_at BIGINT NOT NULL,
    packed  BLOB   NOT NULL
);

-- +goose Down
DROP TABLE snapshots;
DROP TABLE decisions;
