-- renew: keep a lease while its holder works.
-- with: deaths
-- KEYS  1 the partition's prefix
-- ARGV  1 holder, 2 fence, 3 lease in ms
-- Returns 1 where the lease is still the holder's.
local row = read_cursor(KEYS[1])
if row.holder ~= ARGV[1] or row.fence ~= tonumber(ARGV[2]) then return 0 end
redis.call('HSET', KEYS[1] .. 'cursor', 'till', clock() + tonumber(ARGV[3]))
return 1
