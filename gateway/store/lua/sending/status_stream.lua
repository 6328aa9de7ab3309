-- status_stream: record that statuses can be stored, and any gap in which they could not.
-- KEYS  1 where it is recorded
-- ARGV  1 length in ms of a gap that ends now, 0 for none; 2 "1" from a web process that is alive,
--       3 for how long a web process may be silent, 4 least wait after a gap,
--       5 factor of its length
-- Returns the moment from which the stream counts as whole.
local now = clock()
local noted = redis.call('HMGET', KEYS[1], 'alive', 'whole')
local silent = noted[1] and now - tonumber(noted[1]) or 0
local gap = tonumber(ARGV[1])
if ARGV[2] == '1' and silent > tonumber(ARGV[3]) then gap = math.max(gap, silent) end
local whole = tonumber(noted[2] or 0)
if gap > 0 then
  whole = math.max(whole, now + math.max(tonumber(ARGV[4]), gap * tonumber(ARGV[5])))
  redis.call('HSET', KEYS[1], 'whole', whole)
end
if ARGV[2] == '1' then redis.call('HSET', KEYS[1], 'alive', now) end
-- While no web process is alive the gap goes on, and nothing is whole.
if ARGV[2] ~= '1' and silent > tonumber(ARGV[3]) then
  whole = math.max(whole, now + math.max(tonumber(ARGV[4]), silent * tonumber(ARGV[5])))
end
return whole
