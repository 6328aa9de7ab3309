-- load: what planning needs to know about a batch of one number's events, in one round trip.
-- with: known
-- KEYS  1 the number's prefix
-- ARGV  1 how many names of contacts follow, then these, then the digests of the events
-- Returns {now, {key, version, state, ...}, {place or false, ...}}: for each name the contact that it
-- stands for, whose version and state come with the first of its names only.
local now = clock()
local contacts, known, told = {}, {}, {}
local last = 1 + tonumber(ARGV[1])
for i = 2, last do
  local key, version, state = contact_of(KEYS[1], ARGV[i], told)
  told[key] = true
  contacts[#contacts + 1] = key
  contacts[#contacts + 1] = version
  contacts[#contacts + 1] = state
end
for i = last + 1, #ARGV do
  known[#known + 1] = known_place(KEYS[1], now, ARGV[i])
end
return {now, contacts, known}
