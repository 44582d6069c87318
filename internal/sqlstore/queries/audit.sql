-- name: InsertAudit :execrows
INSERT INTO audit_log (number, account, seq, at, action, text, hash, link)
VALUES (sqlc.arg('number'), sqlc.arg('account'), sqlc.arg('seq'), sqlc.arg('at'), sqlc.arg('action'), sqlc.arg('text'), sqlc.arg('hash'), sqlc.arg('link'));

-- name: PutAuditHead :execrows
INSERT INTO audit_heads (account, number, hash) VALUES (sqlc.arg('account'), sqlc.arg('number'), sqlc.arg('hash'))
ON CONFLICT (account) DO UPDATE SET number = excluded.number, hash = excluded.hash;

-- name: ReadAuditHead :one
SELECT number, hash FROM audit_heads WHERE account = sqlc.arg('account');

-- name: ListAuditHeads :many
SELECT account, number, hash FROM audit_heads ORDER BY account;

-- name: ListAudit :many
SELECT number, account, seq, at, action, text, hash, link FROM audit_log
WHERE number > sqlc.arg('after') AND number <= sqlc.arg('last')
ORDER BY number
LIMIT sqlc.arg('page');

-- name: ListAccountAudit :many
SELECT number, account, seq, at, action, text, hash, link FROM audit_log
WHERE account = sqlc.arg('account') AND seq > sqlc.arg('after') AND seq <= sqlc.arg('last')
ORDER BY seq
LIMIT sqlc.arg('page');

-- name: FirstAudit :one
SELECT CAST(COALESCE(MIN(number), 0) AS BIGINT) AS number FROM audit_log WHERE at >= sqlc.arg('since');

-- name: LastAudit :one
SELECT CAST(COALESCE(MAX(number), 0) AS BIGINT) AS number FROM audit_log WHERE at < sqlc.arg('until');

-- name: FirstAccountAudit :one
SELECT CAST(COALESCE(MIN(seq), 0) AS BIGINT) AS seq FROM audit_log WHERE account = sqlc.arg('account') AND at >= sqlc.arg('since');

-- name: LastAccountAudit :one
SELECT CAST(COALESCE(MAX(seq), 0) AS BIGINT) AS seq FROM audit_log WHERE account = sqlc.arg('account') AND at < sqlc.arg('until');
