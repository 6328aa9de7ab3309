-- suspect: write down what is in hand, before it is touched, since it may kill the process.
-- KEYS  1 the partition's prefix
-- ARGV  1 what is in hand, 2 what was in hand before and did no harm ("" for nothing)
-- Returns how often it was in hand, this time included; an orderly end of the lease forgets it.
if ARGV[2] ~= '' then redis.call('HDEL', KEYS[1] .. 'suspects', ARGV[2]) end
return redis.call('HINCRBY', KEYS[1] .. 'suspects', ARGV[1], 1)
