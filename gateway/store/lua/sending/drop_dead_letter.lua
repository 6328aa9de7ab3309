-- drop_dead_letter: drop a dead letter for good; what is left of a send is compacted.
-- KEYS  1 the number's prefix
-- ARGV  1 dead letter, 2 moment of its death
-- Returns 1 when done, 0 where it is gone, or died again since it was read.
local died = redis.call('ZSCORE', KEYS[1] .. 'dead', ARGV[1])
if not died or tonumber(died) ~= tonumber(ARGV[2]) then return 0 end
redis.call('DEL', KEYS[1] .. 'dead:' .. ARGV[1], KEYS[1] .. 'deaths:' .. ARGV[1],
  KEYS[1] .. 'unreadable:' .. ARGV[1])
redis.call('ZREM', KEYS[1] .. 'unreadable', ARGV[1])
local send = ARGV[1]:match('^send:(.*)$')
if send then redis.call('ZADD', KEYS[1] .. 'finished', 'XX', clock(), send) end
local forward = ARGV[1]:match('^forward:(.*)$')
if forward then
  redis.call('DEL', KEYS[1] .. 'forward:' .. forward)
  leave_dead_forwards(KEYS[1], forward)
end
redis.call('ZREM', KEYS[1] .. 'dead', ARGV[1])
return 1
