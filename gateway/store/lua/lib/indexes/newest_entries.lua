-- Newest entries: the entries of a stream before a place, back to a moment in ms, at most so many.
-- `value_of` makes the value of each from its fields. Returns the place down to which there are all
-- of them, ms and number, 0 and 0 for the end; then ms, number and value of each.
local function place_text(place)
  return string.format('%.0f-%.0f', place[1], place[2])
end

local function newest_entries(stream, before, since, most, value_of)
  local first = string.format('%.0f', since)
  local entries = redis.call('XREVRANGE', stream, '(' .. place_text(before), first, 'COUNT', most)
  local found = {0, 0}
  for _, entry in ipairs(entries) do
    local ms, nth = entry[1]:match('^(%d+)-(%d+)$')
    found[#found + 1], found[#found + 2], found[#found + 3] = tonumber(ms), tonumber(nth), value_of(entry[2])
  end
  if #entries == most then found[1], found[2] = found[#found - 2], found[#found - 1] end
  return found
end
