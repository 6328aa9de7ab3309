-- list_sends: read which sends there are, the newest first; it writes nothing.
-- with: listed_sends, newest_entries
-- KEYS  1 the number's prefix
-- ARGV  1 and 2 the place (ms and number) before which they are, 3 since when in ms, 4 how many at
--       most, then the terms of which each has one; no term stands for all sends
-- Returns the place down to which the list is whole, ms and number, 0 and 0 for all of it; then for
-- each send the ms and the number of its place, and its id.
local number, since, most = KEYS[1], tonumber(ARGV[3]), tonumber(ARGV[4])
local before = {tonumber(ARGV[1]), tonumber(ARGV[2])}
local stream = number .. 'listed'
-- Entries that one call reads at most: some milliseconds of the server.
local MOST_READ, CHUNK = 4096, 250

local function is_before(one, other)
  if one[1] ~= other[1] then return one[1] < other[1] end
  return one[2] < other[2]
end

local function place_at(bucket, i)
  local ms, nth = struct.unpack('>I6I2', redis.call('GETRANGE', bucket, i * ENTRY + TAG, (i + 1) * ENTRY - 1))
  return {ms, nth}
end

-- How many entries of a bucket are before the place: they are in the order of their places.
local function count_before(bucket)
  local low, high = 0, math.floor(redis.call('STRLEN', bucket) / ENTRY)
  while low < high do
    local middle = math.floor((low + high) / 2)
    if is_before(place_at(bucket, middle), before) then low = middle + 1 else high = middle end
  end
  return low
end

-- Read a term's entries in one bucket, the newest first, into `found`, while there is `room` for
-- more. Returns the place at which it stopped, nil at the end, and how many entries it read.
local function read_bucket(bucket, tag, found, room)
  local last, own, read = count_before(bucket), 0, 0
  while last > 0 do
    local first = math.max(0, last - CHUNK)
    local entries = redis.call('GETRANGE', bucket, first * ENTRY, last * ENTRY - 1)
    for at = #entries - ENTRY + 1, 1, -ENTRY do
      read = read + 1
      local is_wanted = entries:sub(at, at + TAG - 1) == tag
      if is_wanted or read >= room then
        local ms, nth = struct.unpack('>I6I2', entries, at + TAG)
        if ms < since then return nil, read end
        if is_wanted then found[#found + 1], own = {ms, nth}, own + 1 end
        if own >= most or read >= room then return {ms, nth}, read end
      end
    end
    last = first
  end
  return nil, read
end

-- Return the places of the terms' sends, and the place down to which there are all of them.
local function find_places(terms)
  local base, found, newer, room = number .. 'terms', {}, math.huge, MOST_READ
  for _, generation in ipairs(redis.call('LRANGE', base, 0, -1)) do
    local began = tonumber(generation:match('(%d+)$'))
    if newer < since then break end
    if began <= before[1] then
      local horizon = nil
      local share = math.ceil(room / #terms)
      for _, term in ipairs(terms) do
        local choice, tag = digest_of(term)
        local stopped, read = read_bucket(term_bucket(base, generation, choice), tag, found, share)
        room = room - read
        if stopped and not (horizon and is_before(stopped, horizon)) then horizon = stopped end
      end
      if horizon then return found, horizon end
      if #found >= most or room <= 0 then return found, {began, 0} end
    end
    newer = began
  end
  return found, {0, 0}
end

local function list_by_terms(terms)
  local places, horizon = find_places(terms)
  table.sort(places, function(one, other) return is_before(other, one) end)
  local found = {horizon[1], horizon[2]}
  for _, place in ipairs(places) do
    if is_before(place, horizon) then break end
    local entry = redis.call('XRANGE', stream, place_text(place), place_text(place))[1]
    if entry then
      found[#found + 1], found[#found + 2], found[#found + 3] = place[1], place[2], entry[2][2]
    end
  end
  return found
end

if #ARGV == 4 then
  return newest_entries(stream, before, since, most, function(fields) return fields[2] end)
end
return list_by_terms({unpack(ARGV, 5)})
