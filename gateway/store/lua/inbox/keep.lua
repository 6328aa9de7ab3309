-- keep: append deliveries to one partition of the inbox.
-- KEYS  1 the partition's prefix
-- ARGV  pairs of header and stored body
-- Returns the entry ids, in order.
local ids = {}
for i = 1, #ARGV, 2 do
  ids[#ids + 1] = redis.call('XADD', KEYS[1] .. 'inbox', '*', 'h', ARGV[i], 'b', ARGV[i + 1])
end
redis.call('HINCRBY', KEYS[1] .. 'count', 'kept', #ids)
return ids
