-- Contention is settled by guarded updates and their row counts, never by a read
-- before.

-- name: OpenBalance :exec
INSERT INTO balances (account, posted, held, credits, debt, opened_at)
VALUES (sqlc.arg('account'), 0, 0, 0, 0, sqlc.arg('opened_at'))
ON CONFLICT DO NOTHING;

-- name: InsertHold :execrows
INSERT INTO holds (ref, account, amount, state, cost, captured, owner, scopes, opened_at, beat_at, closed_at)
VALUES (sqlc.arg('ref'), sqlc.arg('account'), sqlc.arg('amount'), 'open', 0, 0, sqlc.arg('owner'), sqlc.arg('scopes'), sqlc.arg('opened_at'), sqlc.arg('beat_at'), 0)
ON CONFLICT DO NOTHING;

-- name: TakeHeld :execrows
UPDATE balances SET held = held + sqlc.arg('amount')
WHERE account = sqlc.arg('account') AND posted - held >= sqlc.arg('amount');

-- name: TakeScope :execrows
INSERT INTO spending (scope, ceiling, spent, held, base)
VALUES (sqlc.arg('scope'), sqlc.arg('ceiling'), 0, sqlc.arg('amount'), 0)
ON CONFLICT (scope) DO UPDATE SET held = spending.held + excluded.held, ceiling = excluded.ceiling
WHERE excluded.ceiling - spending.spent - spending.held >= excluded.held;

-- name: GrowScope :execrows
UPDATE spending SET held = held + sqlc.arg('amount')
WHERE scope = sqlc.arg('scope') AND ceiling - spent - held >= sqlc.arg('amount');

-- name: GrowHold :execrows
UPDATE holds SET amount = amount + sqlc.arg('amount'), beat_at = sqlc.arg('beat_at')
WHERE ref = sqlc.arg('ref') AND state = 'open';

-- name: CloseHold :execrows
UPDATE holds SET state = sqlc.arg('state'), cost = sqlc.arg('cost'), captured = sqlc.arg('captured'), closed_at = sqlc.arg('closed_at')
WHERE ref = sqlc.arg('ref') AND state = 'open' AND amount = sqlc.arg('amount') AND account = sqlc.arg('account');

-- name: CaptureLate :execrows
UPDATE holds SET state = 'captured_late', cost = sqlc.arg('cost'), captured = sqlc.arg('captured'), closed_at = sqlc.arg('closed_at')
WHERE ref = sqlc.arg('ref') AND state = 'expired';

-- name: Release :execrows
UPDATE balances SET posted = posted - sqlc.arg('captured'), held = held - sqlc.arg('amount')
WHERE account = sqlc.arg('account');

-- name: ReleaseScope :execrows
UPDATE spending SET spent = spent + sqlc.arg('captured'), held = held - sqlc.arg('amount')
WHERE scope = sqlc.arg('scope');

-- name: InsertEntry :execrows
INSERT INTO entries (kind, ref, account, amount, at)
VALUES (sqlc.arg('kind'), sqlc.arg('ref'), sqlc.arg('account'), sqlc.arg('amount'), sqlc.arg('at'));

-- name: InsertTwoEntries :execrows
INSERT INTO entries (kind, ref, account, amount, at)
VALUES (sqlc.arg('kind'), sqlc.arg('ref'), sqlc.arg('account'), sqlc.arg('amount'), sqlc.arg('at')),
       (sqlc.arg('kind'), sqlc.arg('ref'), sqlc.arg('account2'), sqlc.arg('amount2'), sqlc.arg('at'));

-- name: FindPosting :one
SELECT account, amount FROM entries
WHERE kind = sqlc.arg('kind') AND ref = sqlc.arg('ref') AND account <> sqlc.arg('contra');

-- name: SetBalance :execrows
UPDATE balances SET posted = sqlc.arg('posted'), credits = sqlc.arg('credits'), debt = sqlc.arg('debt')
WHERE account = sqlc.arg('account');

-- name: ReadBalance :one
SELECT account, posted, held, credits, debt FROM balances WHERE account = sqlc.arg('account');

-- name: ReadScope :one
SELECT scope, ceiling, spent, held, base FROM spending WHERE scope = sqlc.arg('scope');

-- name: ReadHold :one
SELECT ref, account, amount, state, cost, captured, owner, scopes, opened_at, beat_at, closed_at
FROM holds WHERE ref = sqlc.arg('ref');

-- name: Beat :execrows
UPDATE holds SET beat_at = sqlc.arg('beat_at')
WHERE state = 'open' AND owner = sqlc.arg('owner') AND opened_at > sqlc.arg('since');

-- name: Expired :many
SELECT ref, account, amount, scopes FROM holds WHERE state = 'open' AND beat_at < sqlc.arg('before')
ORDER BY ref LIMIT 256;

-- name: Orphans :many
SELECT ref, account, amount, scopes FROM holds WHERE state = 'open' AND owner <> sqlc.arg('owner')
ORDER BY ref LIMIT 256;

-- name: ExpireHold :execrows
UPDATE holds SET state = 'expired', closed_at = sqlc.arg('closed_at') WHERE ref = sqlc.arg('ref') AND state = 'open';

-- name: DeleteHold :execrows
DELETE FROM holds WHERE ref = sqlc.arg('ref') AND state = 'open';

-- name: AuditBalances :many
SELECT account, posted, held, credits, debt FROM balances ORDER BY account;

-- name: AuditScopes :many
SELECT scope, ceiling, spent, held, base FROM spending ORDER BY scope;

-- name: AuditHolds :many
SELECT ref, account, amount, state, cost, captured, owner, scopes, opened_at, beat_at, closed_at
FROM holds ORDER BY ref;

-- name: AuditEntries :many
SELECT kind, ref, account, amount, at FROM entries ORDER BY kind, ref, account;

-- name: SeedScope :execrows
INSERT INTO spending (scope, ceiling, spent, held, base)
VALUES (sqlc.arg('scope'), sqlc.arg('ceiling'), sqlc.arg('spent'), 0, sqlc.arg('base'))
ON CONFLICT (scope) DO UPDATE SET ceiling = excluded.ceiling, spent = excluded.spent, base = excluded.base;
