-- inspect: read the state of one partition, without touching it.
-- KEYS  1 the partition's prefix
-- Returns {now, cursor (and how many events of the delivery after it are done), "1" if leased,
--          ms of the oldest that waits or 0, kept, passed, aside, "1" if a deferred one is due,
--          given up}.
local now = clock()
local lease = redis.call('HMGET', KEYS[1] .. 'cursor', 'at', 'holder', 'till', 'item')
local cursor = lease[1] or '0-0'
local leased = lease[2] and lease[2] ~= '' and tonumber(lease[3]) > now
local first = redis.call('XRANGE', KEYS[1] .. 'inbox', '(' .. cursor, '+', 'COUNT', 1)[1]
local oldest = first and string.match(first[1], '^%d+') or '0'
local counts = redis.call('HMGET', KEYS[1] .. 'count', 'kept', 'passed', 'given_up')
if tonumber(lease[4] or 0) > 0 then cursor = cursor .. '/' .. lease[4] end
return {now, cursor, leased and '1' or '0', oldest, counts[1] or '0', counts[2] or '0',
  redis.call('ZCARD', KEYS[1] .. 'aside'),
  redis.call('ZCOUNT', KEYS[1] .. 'aside', '-inf', now) > 0 and '1' or '0', counts[3] or '0'}
