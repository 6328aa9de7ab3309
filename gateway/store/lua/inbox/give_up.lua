-- give_up: an operator lets a deferred delivery go, without its effect; it is counted.
-- KEYS  1 the partition's prefix
-- ARGV  1 entry
-- Returns 1 when done, 0 where it is no longer deferred.
local MOST_GIVEN_UP = 10000
local given_up = KEYS[1] .. 'given_up'
if not redis.call('ZSCORE', KEYS[1] .. 'aside', ARGV[1]) then return 0 end
local now = clock()
redis.call('ZADD', given_up, now, ARGV[1])
-- Old ones are dropped bit by bit, and beyond the limit the oldest.
local old = redis.call('ZRANGEBYSCORE', given_up, '-inf', now - C.MONTH_MS, 'LIMIT', 0, 100)
for _, entry in ipairs(old) do redis.call('ZREM', given_up, entry) end
if redis.call('ZCARD', given_up) > MOST_GIVEN_UP then redis.call('ZREMRANGEBYRANK', given_up, 0, 0) end
redis.call('PEXPIRE', given_up, C.MONTH_MS)
leave_aside(KEYS[1], ARGV[1])
count(KEYS[1], 'given_up')
return 1
