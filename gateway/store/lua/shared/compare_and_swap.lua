-- compare_and_swap: write one field of a hash if it still holds the value that the writer read.
-- KEYS  1 the hash
-- ARGV  1 field, 2 the value read ("" for nothing), 3 the value to write ("" to remove it)
-- Returns 1 when written, 0 where another process was faster.
if (redis.call('HGET', KEYS[1], ARGV[1]) or '') ~= ARGV[2] then return 0 end
if ARGV[3] == '' then
  redis.call('HDEL', KEYS[1], ARGV[1])
else
  redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
end
return 1
