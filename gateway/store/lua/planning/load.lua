-- load: read what planning needs for a batch of one number's events, in one round trip.
-- with: deduplication
-- KEYS  1 the number's prefix
-- ARGV  1 how many names of contacts follow, then these, then the digests of the events
-- Returns {now, {key, version, state, ...}, {place or false, ...}}: for each name its contact,
-- whose version and state come with the first of its names only. An item that cannot be read
-- affects no other: then the version is 0 and the state says why, and the place is 0.
local now = clock()
local contacts, known, listed = {}, {}, {}
local last = 1 + tonumber(ARGV[1])

local function reason(failure)
  return type(failure) == 'table' and failure.err or tostring(failure)
end

for i = 2, last do
  local is_read, key, version, state = pcall(contact_of, KEYS[1], ARGV[i], listed)
  if not is_read then key, version, state = ARGV[i], 0, reason(key) end
  listed[key] = true
  contacts[#contacts + 1] = key
  contacts[#contacts + 1] = version
  contacts[#contacts + 1] = state
end
for i = last + 1, #ARGV do
  local is_read, place = pcall(known_place, KEYS[1], now, ARGV[i])
  known[#known + 1] = is_read and place
  if not is_read then known[#known] = 0 end
end
return {now, contacts, known}
