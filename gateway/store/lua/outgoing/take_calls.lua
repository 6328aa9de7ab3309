-- take_calls: begin attempts at calls of one service that are due, each under a lease.
-- with: calls, attempts
-- KEYS  1 the number's prefix
-- ARGV  1 service, 2 most, 3 lease in ms, 4 after so many failures in a row the service rests
-- Returns {now, how many more are due, damaged items in threes of kind, id and why, {id, attempt,
-- when it was planned, "rests", "interrupted" or "", payload, ...}}. A call is interrupted whose
-- worker said nothing of the attempt before: whether the service had it nobody knows. While it rests every call is taken all
-- the same, so that its customer learns at once that nobody answers; one that is taken after the
-- rest tries the service for all. A damaged call rests, and stops no other.
local number, service = KEYS[1], ARGV[1]
local now = clock()
local due = calls_due(number, service)
local RESTS = 300000
local taken, damaged = {}, {}

local function is_resting()
  local breaker = number .. 'breaker:' .. service
  local row = redis.call('HMGET', breaker, 'failures', 'until')
  if (tonumber(row[1]) or 0) < tonumber(ARGV[4]) then return false end
  if (tonumber(row[2]) or 0) > now then return true end
  redis.call('HSET', breaker, 'until', now + ARGV[3])
  return false
end

local function take(id)
  local key = call_key(number, id)
  local row = redis.call('HMGET', key, 'stage', 'attempts', 'planned', 'payload')
  if row[1] ~= 'waiting' then
    redis.call('ZREM', number .. 'calls', id)
    redis.call('ZREM', due, id)
    return
  end
  local attempt, planned = tonumber(row[2]) + 1, tonumber(row[3])
  local state = is_attempt_open(key, attempt - 1) and 'interrupted' or is_resting() and 'rests' or ''
  redis.call('ZADD', due, now + ARGV[3], id)
  begin_attempt(key, attempt, now)
  redis.call('HSET', key, 'attempts', attempt)
  for _, value in ipairs({id, attempt, planned, state, row[4]}) do taken[#taken + 1] = value end
end

for _, id in ipairs(redis.call('ZRANGEBYSCORE', due, '-inf', now, 'LIMIT', 0, ARGV[2])) do
  local _, why = guarded(take, id)
  if why then
    redis.call('ZADD', due, now + RESTS, id)
    note_damage(damaged, 'call', id, why)
  end
end
if redis.call('EXISTS', due) == 0 then redis.call('SREM', number .. 'services', service) end
return {now, redis.call('ZCOUNT', due, '-inf', now), damaged, taken}
