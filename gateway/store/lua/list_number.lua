-- list_number: make a number one that ticks and sweeps look at.
-- KEYS  1 the set of our numbers
-- ARGV  1 the number
return redis.call('SADD', KEYS[1], ARGV[1])
