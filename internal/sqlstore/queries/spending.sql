-- name: AddSpending :execrows
INSERT INTO model_spending (day, task, model, charged, prompt, prompt_cost)
VALUES (sqlc.arg('day'), sqlc.arg('task'), sqlc.arg('model'), sqlc.arg('charged'), sqlc.arg('prompt'), sqlc.arg('prompt_cost'))
ON CONFLICT (day, task, model) DO UPDATE SET charged = model_spending.charged + excluded.charged,
    prompt = model_spending.prompt + excluded.prompt, prompt_cost = model_spending.prompt_cost + excluded.prompt_cost;

-- name: SumSpending :many
SELECT task, model,
       CAST(SUM(charged) AS BIGINT) AS charged,
       CAST(SUM(prompt) AS BIGINT) AS prompt,
       CAST(SUM(prompt_cost) AS BIGINT) AS prompt_cost
FROM model_spending WHERE day >= sqlc.arg('since')
GROUP BY task, model;

-- name: DropSpending :execrows
DELETE FROM model_spending WHERE day < sqlc.arg('before');
