-- +goose Up

-- What was spent on each model on each day (UTC, days since 1970) for each kind of task
-- ('': nobody asked which), for the routers, so that they do not read the log. Days that
-- they no longer look at are dropped.
CREATE TABLE model_spending (
    day         BIGINT NOT NULL,
    task        TEXT   NOT NULL,
    model       TEXT   NOT NULL,
    charged     BIGINT NOT NULL,
    prompt      BIGINT NOT NULL,
    prompt_cost BIGINT NOT NULL,
    PRIMARY KEY (day, task, model)
) WITHOUT ROWID;

-- +goose Down
DROP TABLE model_spending;
