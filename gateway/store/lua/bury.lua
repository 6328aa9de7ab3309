-- bury: set an event before a person; it is not known, so its redelivery is planned again.
-- KEYS  1 the number's prefix
-- ARGV  1 dead letter, 2 what is needed to look again, 3 lifetime in ms
redis.call('SET', KEYS[1] .. 'dead:' .. ARGV[1], ARGV[2], 'PX', ARGV[3])
if redis.call('ZADD', KEYS[1] .. 'dead', 'NX', clock(), ARGV[1]) == 1 then
  count(KEYS[1], 'events.dead')
end
return 1
