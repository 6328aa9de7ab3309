-- trim: drop old deliveries that were worked off; never one that waits, is deferred or referred to.
-- with: entry_order
-- KEYS  1 the partition's prefix
-- ARGV  1 retention in ms, 2 which part of those worked off may go at once: 8 is an eighth
-- Returns how many were dropped, a bounded number: 0 when nothing is left to drop.
local MOST = 10000
local inbox = KEYS[1] .. 'inbox'
local cursor = redis.call('HGET', KEYS[1] .. 'cursor', 'at')
if not cursor then return 0 end

local limit = string.format('%.0f-0', math.max(0, clock() - tonumber(ARGV[1])))
if is_earlier(cursor, limit) then limit = cursor end
-- No later than the last tick found to be done and referred to by nothing.
local unreferred = redis.call('HGET', KEYS[1] .. 'cursor', 'unreferred')
if unreferred and is_earlier(unreferred, limit) then limit = unreferred end
local aside, oldest = KEYS[1] .. 'aside', KEYS[1] .. 'aside:oldest'
-- Deliveries that an older release deferred are in order only after they were tried again.
if redis.call('ZCARD', oldest) < redis.call('ZCARD', aside) then return 0 end
-- A delivery in order and not deferred was left there by a script that failed half-way.
local waits
for _, member in ipairs(redis.call('ZRANGE', oldest, 0, 99)) do
  waits = redis.call('ZSCORE', aside, member:sub(4)) and member:sub(4)
  if waits then break end
  redis.call('ZREM', oldest, member)
end
if not waits and redis.call('EXISTS', oldest) == 1 then return 0 end
if waits and is_earlier(waits, limit) then limit = waits end
local counts = redis.call('HMGET', KEYS[1] .. 'count', 'kept', 'passed')
local waiting = tonumber(counts[1] or 0) - tonumber(counts[2] or 0)
local share = math.ceil((redis.call('XLEN', inbox) - waiting) / tonumber(ARGV[2]))
local most = math.min(MOST, math.max(100, share))
-- Whole nodes first, which is cheap and has its own limit; then the few entries that are left.
local dropped = redis.call('XTRIM', inbox, 'MINID', '~', limit, 'LIMIT', most)
return dropped > 0 and dropped or redis.call('XTRIM', inbox, 'MINID', limit)
