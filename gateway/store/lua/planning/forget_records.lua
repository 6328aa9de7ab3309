-- forget_records: drop the oldest records of a number before their time. They only say why
-- something was planned: sends, contacts and known events are left alone.
-- KEYS  1 the number's prefix
-- ARGV  1 which part of them may go at once: 8 is an eighth
-- Returns how many went, a bounded number: 0 when nothing is left.
local MOST = 1000
local written = KEYS[1] .. 'recorded'
local length = redis.call('XLEN', written)
local share = math.ceil(length / tonumber(ARGV[1]))
local most = math.min(MOST, math.max(100, share))
local oldest = redis.call('XRANGE', written, '-', '+', 'COUNT', most)
for _, entry in ipairs(oldest) do
  local id, contact = entry[2][1], entry[2][2]
  redis.call('ZREM', KEYS[1] .. 'records:' .. contact, id)
  redis.call('UNLINK', KEYS[1] .. 'record:' .. id)
end
-- Last, since the records are found by their entries.
if #oldest > 0 then redis.call('XTRIM', written, 'MAXLEN', length - #oldest) end
return #oldest
