-- load: what planning needs to know about a batch of one number's events, in one round trip.
-- KEYS  1 the number's prefix
-- ARGV  1 how many contacts follow, then their keys, then the digests of the events
-- Returns {now, {version, state, version, state, ...}, {place or false, ...}}
local now = clock()
local contacts, known = {}, {}
local last = 1 + tonumber(ARGV[1])
for i = 2, last do
  local row = redis.call('HMGET', KEYS[1] .. 'contact:' .. ARGV[i], 'version', 'state')
  contacts[#contacts + 1] = row[1]
  contacts[#contacts + 1] = row[2]
end
for i = last + 1, #ARGV do
  known[#known + 1] = known_place(KEYS[1], now, ARGV[i])
end
return {now, contacts, known}
