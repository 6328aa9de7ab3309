-- hold_in_hand: record the event that a careful worker touches next, since it may kill it.
-- with: deaths
-- KEYS  1 the partition's prefix
-- ARGV  1 holder, 2 fence, 3 lease in ms, 4 the event, as <entry>/<item>
-- Returns how many workers died over it; nil where another worker holds the partition by now.
local row = read_cursor(KEYS[1])
if row.holder ~= ARGV[1] or row.fence ~= tonumber(ARGV[2]) then return nil end
redis.call('HSET', KEYS[1] .. 'cursor', 'till', clock() + tonumber(ARGV[3]), 'hand', ARGV[4])
return tonumber(redis.call('HGET', KEYS[1] .. 'suspects', ARGV[4]) or 0)
