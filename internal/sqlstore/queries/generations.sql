-- name: InsertGeneration :execrows
INSERT INTO generations (id, account, key_hash, model, endpoint, sheet, began_at, ended_at, prompt, completion, charged, detail, app)
VALUES (sqlc.arg('id'), sqlc.arg('account'), sqlc.arg('key_hash'), sqlc.arg('model'), sqlc.arg('endpoint'), sqlc.arg('sheet'),
        sqlc.arg('began_at'), sqlc.arg('ended_at'), sqlc.arg('prompt'), sqlc.arg('completion'), sqlc.arg('charged'), sqlc.arg('detail'), sqlc.arg('app'))
ON CONFLICT DO NOTHING;

-- name: AddUsage :execrows
INSERT INTO key_usage (account, key_hash, day, requests, charged)
VALUES (sqlc.arg('account'), sqlc.arg('key_hash'), sqlc.arg('day'), 1, sqlc.arg('charged'))
ON CONFLICT (account, key_hash, day) DO UPDATE SET requests = key_usage.requests + 1, charged = key_usage.charged + excluded.charged;

-- name: ReadGeneration :one
SELECT id, account, key_hash, model, endpoint, sheet, began_at, ended_at, prompt, completion, charged, detail, app
FROM generations WHERE account = sqlc.arg('account') AND id = sqlc.arg('id');

-- name: AuditGenerations :many
SELECT id, account, key_hash, model, endpoint, sheet, began_at, ended_at, prompt, completion, charged, detail, app
FROM generations ORDER BY id;

-- name: SumAllKeys :many
SELECT key_hash,
       CAST(SUM(CASE WHEN day >= sqlc.arg('today') THEN charged ELSE 0 END) AS BIGINT) AS daily,
       CAST(SUM(CASE WHEN day >= sqlc.arg('week') THEN charged ELSE 0 END) AS BIGINT) AS weekly,
       CAST(SUM(CASE WHEN day >= sqlc.arg('month') THEN charged ELSE 0 END) AS BIGINT) AS monthly,
       CAST(SUM(charged) AS BIGINT) AS total
FROM key_usage WHERE account = sqlc.arg('account')
GROUP BY key_hash;

-- name: SumOneKey :one
SELECT CAST(COALESCE(SUM(CASE WHEN day >= sqlc.arg('today') THEN charged ELSE 0 END), 0) AS BIGINT) AS daily,
       CAST(COALESCE(SUM(CASE WHEN day >= sqlc.arg('week') THEN charged ELSE 0 END), 0) AS BIGINT) AS weekly,
       CAST(COALESCE(SUM(CASE WHEN day >= sqlc.arg('month') THEN charged ELSE 0 END), 0) AS BIGINT) AS monthly,
       CAST(COALESCE(SUM(charged), 0) AS BIGINT) AS total
FROM key_usage WHERE account = sqlc.arg('account') AND key_hash = sqlc.arg('key_hash');

-- name: UsageSince :one
SELECT CAST(COALESCE(SUM(charged), 0) AS BIGINT) AS charged
FROM key_usage WHERE account = sqlc.arg('account') AND key_hash = sqlc.arg('key_hash') AND day >= sqlc.arg('day');
