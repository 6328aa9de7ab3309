-- fence_partition: take a partition over from layout 1, whose workers can take no more of it.
-- KEYS  1 the partition's prefix
-- ARGV  1 the value that a process of layout 1 finds in place of its lease
-- Returns 1 where it is done now, 0 where it was done before. The cursor moves first, so that a
-- step that fails in between is done again.
local lease = KEYS[1] .. 'lease'
if redis.call('TYPE', lease).ok == 'string' then return 0 end
local row = redis.call('HMGET', lease, 'cursor', 'fence')
redis.call('HSET', KEYS[1] .. 'cursor', 'at', row[1] or '0-0', 'fence', row[2] or 0)
redis.call('DEL', KEYS[1] .. 'suspects')
redis.call('SET', lease, ARGV[1])
return 1
