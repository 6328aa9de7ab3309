-- Order of a stream's entries: by their millisecond, then by their number within it.

local function is_earlier(entry, other)
  local ms, nth = entry:match('^(%d+)-(%d+)$')
  local other_ms, other_nth = other:match('^(%d+)-(%d+)$')
  if ms == other_ms then return tonumber(nth) < tonumber(other_nth) end
  return tonumber(ms) < tonumber(other_ms)
end
