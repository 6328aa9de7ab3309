-- add_sign_in: store a sign-in of the console, and forget those that have ended.
-- KEYS  1 the prefix of all that belongs to the console
-- ARGV  1 digest, 2 row, 3 when it ends, 4 most sign-ins
local rows, ends = KEYS[1] .. 'sign_ins', KEYS[1] .. 'sign_in_ends'
local digest, most = ARGV[1], tonumber(ARGV[4])
redis.call('HSET', rows, digest, ARGV[2])
redis.call('ZADD', ends, ARGV[3], digest)
-- All last equally long, so this one ends last.
redis.call('PEXPIREAT', rows, ARGV[3])
redis.call('PEXPIREAT', ends, ARGV[3])
local over = redis.call('ZRANGEBYSCORE', ends, '-inf', string.format('%.0f', clock()), 'LIMIT', 0, 100)
local too_many = redis.call('ZCARD', ends) - #over - most
if too_many > 0 then
  for _, one in ipairs(redis.call('ZRANGE', ends, #over, #over + too_many - 1)) do
    over[#over + 1] = one
  end
end
for _, one in ipairs(over) do
  redis.call('HDEL', rows, one)
  redis.call('ZREM', ends, one)
end
return #over
