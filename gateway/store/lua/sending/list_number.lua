-- list_number: list a number, so that ticks and sweeps read it.
-- KEYS  1 the set of our numbers
-- ARGV  1 the number, 2 how many there may be
-- Returns 1 where it is listed, 0 where there is no room for another.
if redis.call('SISMEMBER', KEYS[1], ARGV[1]) == 1 then return 1 end
if redis.call('SCARD', KEYS[1]) >= tonumber(ARGV[2]) then return 0 end
redis.call('SADD', KEYS[1], ARGV[1])
return 1
