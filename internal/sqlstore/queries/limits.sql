-- name: AddFreeRequest :execrows
INSERT INTO free_requests (account, day, requests)
VALUES (sqlc.arg('account'), sqlc.arg('day'), 1)
ON CONFLICT (account, day) DO UPDATE SET requests = free_requests.requests + 1;

-- name: CountFreeRequests :one
SELECT CAST(COALESCE(SUM(requests), 0) AS BIGINT) AS requests
FROM free_requests WHERE account = sqlc.arg('account') AND day = sqlc.arg('day');

-- name: DropFreeRequests :execrows
DELETE FROM free_requests WHERE account = sqlc.arg('account') AND day < sqlc.arg('before');
