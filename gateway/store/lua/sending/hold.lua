-- hold: store the bytes of an unreadable event, and drop the oldest such letters.
-- KEYS  1 the number's prefix
-- ARGV  1 dead letter, 2 its bytes, 3 the beginning of them, 4 lifetime in ms, 5 how many
--       letters at most, 6 how many of them are stored whole
-- The first of a flood are stored whole; of the rest, likely the same, only the beginning.
local listed, bytes = KEYS[1] .. 'unreadable', KEYS[1] .. 'unreadable:'
local now = clock()
if redis.call('PEXPIRE', bytes .. ARGV[1], ARGV[4]) == 0 then
  local fits = redis.call('ZCARD', listed) < tonumber(ARGV[6])
  redis.call('SET', bytes .. ARGV[1], fits and ARGV[2] or ARGV[3], 'PX', ARGV[4])
end
redis.call('ZADD', listed, now, ARGV[1])
redis.call('PEXPIRE', listed, ARGV[4])
-- Each call brings one, so dropping two is enough.
local over = math.min(2, redis.call('ZCARD', listed) - tonumber(ARGV[5]))
for _, letter in ipairs(over > 0 and redis.call('ZRANGE', listed, 0, over - 1) or {}) do
  if redis.call('ZREM', KEYS[1] .. 'dead', letter) == 1 then count(KEYS[1], 'events.unreadable_dropped') end
  redis.call('DEL', KEYS[1] .. 'dead:' .. letter, KEYS[1] .. 'deaths:' .. letter, bytes .. letter)
  redis.call('ZREM', listed, letter)
end
return 1
