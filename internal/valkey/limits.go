package valkey

import (
	"context"
	"strconv"
	"time"

	"github.com/redis/rueidis"

	"github.com/turnpike-gateway/turnpike/internal/limit"
)

const limitPrefix = prefix + "limit:"

// claimScript takes all that is claimed or nothing, by the server's own clock: those of
// nodes differ. What was taken in a minute is a hash of seconds, of a day a number. Four
// arguments are of each key: how much is taken, of how much at most, whether of a day,
// and what the node knows to be taken of that, of which a server that began anew does not.
//
// It answers with the place of the claim that there is no room for (0: all was taken),
// what others have taken of that, for how many milliseconds there will be no room, and
// the second.
//
// It is sent along each time: a server that began anew knows no script.
const claimScript = `local time = redis.call('TIME')
local now, found = tonumber(time[1]), {}
for i, key in ipairs(KEYS) do
  local take, most, daily, known = tonumber(ARGV[4*i-3]), tonumber(ARGV[4*i-2]), ARGV[4*i-1], tonumber(ARGV[4*i])
  if daily == '1' then
    found[i] = math.max(tonumber(redis.call('GET', key) or '0') or 0, known)
    if found[i] + take > most then return {i, found[i], 0, now} end
  else
    local all, seconds, sum = redis.call('HGETALL', key), {}, 0
    for j = 1, #all, 2 do
      local second, n = tonumber(all[j]), tonumber(all[j+1])
      if second and n and second > now - 61 then
        seconds[#seconds+1], sum = {second, n}, sum + n
      else
        redis.call('HDEL', key, all[j])
      end
    end
    if sum + take > most then
      table.sort(seconds, function(a, b) return a[1] < b[1] end)
      local left, free = sum, now
      for _, x in ipairs(seconds) do
        if left + take <= most then break end
        left, free = left - x[2], x[1] + 61
      end
      return {i, sum, math.ceil((free - now) * 1000 - tonumber(time[2]) / 1000), now}
    end
  end
end
for i, key in ipairs(KEYS) do
  local take = tonumber(ARGV[4*i-3])
  if found[i] then
    redis.call('SET', key, string.format('%.0f', found[i] + take), 'EX', 172800)
  else
    redis.call('HINCRBY', key, now, ARGV[4*i-3])
    redis.call('EXPIRE', key, 122)
  end
end
return {0, 0, 0, now}`

// correctScript changes what was taken in a second, the first argument, while that is
// known: by how much, and whether of a day, for each key.
const correctScript = `for i, key in ipairs(KEYS) do
  local by, daily = ARGV[2*i], ARGV[2*i+1]
  if daily == '1' then
    if redis.call('EXISTS', key) == 1 then
      local n = redis.call('INCRBY', key, by)
      if n < 0 then redis.call('DECRBY', key, n) end
    end
  elseif redis.call('HEXISTS', key, ARGV[1]) == 1 then
    if redis.call('HINCRBY', key, ARGV[1], by) < 0 then redis.call('HSET', key, ARGV[1], 0) end
  end
end
return 0`

// Claim implements [limit.Shared]. Of a claim whose answer does not come in time it is not
// known whether it was taken: then more is taken than is used, and never less.
func (c *Client) Claim(ctx context.Context, claims []limit.Claim) (v limit.Verdict, ok bool) {
	answers, ok := c.do(ctx, func(b rueidis.Builder) []rueidis.Completed {
		args := make([]string, 0, 4*len(claims))
		for _, x := range claims {
			args = append(args, number(x.Take), number(x.Most), daily(x), number(x.Taken))
		}
		return []rueidis.Completed{b.Eval().Script(claimScript).Numkeys(int64(len(claims))).Key(limited(claims)...).Arg(args...).Build()}
	})
	if !ok {
		return v, false
	}
	said, err := answers[0].AsIntSlice()
	if err != nil {
		return v, false
	}
	return readVerdict(said, len(claims))
}

// readVerdict reads what the script said of so many claims.
func readVerdict(said []int64, claims int) (v limit.Verdict, ok bool) {
	const longest = 2 * 61_000 // no minute lasts longer, whatever clocks do
	if len(said) != 4 || said[0] < 0 || said[0] > int64(claims) || said[1] < 0 || said[3] <= 0 {
		return v, false
	}
	return limit.Verdict{
		Refused: int(said[0]) - 1, Taken: said[1], Second: said[3],
		Wait: time.Duration(min(max(said[2], 0), longest)) * time.Millisecond,
	}, true
}

// Correct implements [limit.Shared].
func (c *Client) Correct(ctx context.Context, second int64, claims []limit.Claim) {
	c.do(ctx, func(b rueidis.Builder) []rueidis.Completed {
		args := []string{number(second)}
		for _, x := range claims {
			args = append(args, number(x.Take), daily(x))
		}
		return []rueidis.Completed{b.Eval().Script(correctScript).Numkeys(int64(len(claims))).Key(limited(claims)...).Arg(args...).Build()}
	})
}

// Today implements [limit.Shared].
func (c *Client) Today(ctx context.Context, of string) (taken int64, ok bool) {
	answers, ok := c.do(ctx, func(b rueidis.Builder) []rueidis.Completed {
		return []rueidis.Completed{b.Get().Key(limitPrefix + of).Build()}
	})
	if !ok {
		return 0, false
	}
	taken, err := answers[0].AsInt64()
	if rueidis.IsRedisNil(err) {
		return 0, true
	}
	return max(taken, 0), err == nil
}

func limited(claims []limit.Claim) []string {
	keys := make([]string, len(claims))
	for i, x := range claims {
		keys[i] = limitPrefix + x.Of
	}
	return keys
}

func number(n int64) string { return strconv.FormatInt(n, 10) }

func daily(c limit.Claim) string {
	if c.Daily {
		return "1"
	}
	return "0"
}
