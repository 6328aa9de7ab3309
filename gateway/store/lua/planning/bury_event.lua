-- bury_event: store an event as a dead letter; it is not known, so a redelivery is planned again.
-- with: deduplication
-- KEYS  1 the number's prefix
-- ARGV  1 digest of the event, 2 what is needed to look again, 3 lifetime in ms, 4 where the event
--       stands, 5 the error of planning, 6 the counter to raise instead of deaths: once, and then
--       that it came again
-- It dies again where it comes in another delivery, redriven or redelivered. The same place again
-- is a batch that was read twice. Returns 0 where it was committed meanwhile.
local now = clock()
if known_place(KEYS[1], now, ARGV[1]) then return 0 end
local name = 'event:' .. ARGV[1]
local letter, deaths = KEYS[1] .. 'dead:' .. name, KEYS[1] .. 'deaths:' .. name
redis.call('SET', letter, ARGV[2], 'PX', ARGV[3])
local before = redis.call('HMGET', deaths, 'place', 'times')
if before[1] == ARGV[4] then return 1 end
redis.call('HSETNX', deaths, 'first', ARGV[5])
redis.call('HSETNX', deaths, 'first_at', now)
redis.call('PEXPIRE', deaths, ARGV[3])
list_dead(KEYS[1], now, name)
redis.call('HSET', deaths, 'place', ARGV[4], 'times', tonumber(before[2] or 0) + 1)
count(KEYS[1], not ARGV[6] and 'events.dead' or before[2] and 'events.known' or ARGV[6])
return 1
