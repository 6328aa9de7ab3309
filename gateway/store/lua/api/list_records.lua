-- list_records: read for which events something was planned, the newest first; it writes nothing.
-- with: newest_entries
-- KEYS  1 the number's prefix
-- ARGV  1 and 2 the place (ms and number) before which they are, 3 since when in ms, 4 how many at
--       most
-- Returns the place down to which the list is whole, ms and number, 0 and 0 for all of it; then for
-- each record the ms and the number of its place, and its id and its contact in one text.
local before = {tonumber(ARGV[1]), tonumber(ARGV[2])}
return newest_entries(KEYS[1] .. 'recorded', before, tonumber(ARGV[3]), tonumber(ARGV[4]), function(fields)
  return fields[1] .. ' ' .. fields[2]
end)
