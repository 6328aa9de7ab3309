-- note: record that a cause is true for a while from now.
-- KEYS  1 the hash of causes
-- ARGV  1 cause, 2 alert, 3 for how long in ms, 4 most causes
-- Returns 1 if it is recorded, 0 if there is no room for another cause.
-- It may be called a thousand times a second, so it writes only what changes much.
local now, lasts = clock(), tonumber(ARGV[3])
local noted = redis.call('HGET', KEYS[1], ARGV[1])
if noted then
  local till, alert = noted:match('^(%d+)|(.*)$')
  local left = tonumber(till) - now
  if alert == ARGV[2] and left > lasts * 0.9 and left <= lasts then return 1 end
elseif redis.call('HLEN', KEYS[1]) >= tonumber(ARGV[4]) then
  return 0
end
redis.call('HSET', KEYS[1], ARGV[1], string.format('%.0f|', now + lasts) .. ARGV[2])
return 1
