-- settle_call: record how an attempt to call a service ended, and what follows.
-- with: calls, attempts
-- KEYS  1 the number's prefix
-- ARGV  1 id, 2 attempt, 3 "answered", "failed" or "later", 4 wait in ms, 5 the outcome in words,
--       6 "well" or "sick" as the service showed itself, "" where it was not asked, 7 after so many
--       failures in a row it rests, 8 for how many ms, 9 how long a call that ended can be read
-- Returns 1, or 0 where a later attempt decides what follows, or it was over already.
local number, id, attempt = KEYS[1], ARGV[1], tonumber(ARGV[2])
local key = call_key(number, id)
local now = clock()
local row = redis.call('HMGET', key, 'stage', 'attempts', 'service')
if not row[1] then return 0 end

end_attempt(key, attempt, ARGV[5])

local breaker = number .. 'breaker:' .. row[3]
if ARGV[6] == 'well' then
  redis.call('DEL', breaker)
elseif ARGV[6] == 'sick' then
  local failures = redis.call('HINCRBY', breaker, 'failures', 1)
  if failures >= tonumber(ARGV[7]) then redis.call('HSET', breaker, 'until', now + ARGV[8]) end
  redis.call('PEXPIRE', breaker, C.DAY_MS)
end

if row[1] ~= 'waiting' then return 0 end
if ARGV[3] ~= 'later' then
  end_call(number, id, ARGV[3], ARGV[9])
elseif tonumber(row[2]) ~= attempt then
  return 0
else
  redis.call('ZADD', calls_due(number, row[3]), now + ARGV[4], id)
end
return 1
