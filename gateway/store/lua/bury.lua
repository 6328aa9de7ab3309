-- bury: set an event before a person; it is not known, so its redelivery is planned again.
-- KEYS  1 the number's prefix
-- ARGV  1 dead letter, 2 what is needed to look again, 3 lifetime in ms, 4 where the event stands,
--       5 what planning raised, 6 what is counted instead of deaths: once, and then that it came again
-- It dies again where it comes in another delivery, redriven or redelivered. The same place once
-- more is a batch that was read twice.
local letter, deaths = KEYS[1] .. 'dead:' .. ARGV[1], KEYS[1] .. 'deaths:' .. ARGV[1]
local now = clock()
redis.call('SET', letter, ARGV[2], 'PX', ARGV[3])
local before = redis.call('HMGET', deaths, 'place', 'times')
if before[1] == ARGV[4] then return 1 end
redis.call('HSETNX', deaths, 'first', ARGV[5])
redis.call('HSETNX', deaths, 'first_at', now)
redis.call('PEXPIRE', deaths, ARGV[3])
redis.call('ZADD', KEYS[1] .. 'dead', now, ARGV[1])
redis.call('HSET', deaths, 'place', ARGV[4], 'times', tonumber(before[2] or 0) + 1)
count(KEYS[1], not ARGV[6] and 'events.dead' or before[2] and 'events.known' or ARGV[6])
return 1
