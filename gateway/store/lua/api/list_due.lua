-- list_due: read which sends wait for their moment, the next one first; it writes nothing.
-- KEYS  1 the number's prefix
-- ARGV  1 and 2 the place behind which they are, 3 how many at most
-- A place is the score times 4096, which is whole, and a number that orders ids; both are negative
-- here, so that the next one has the highest place, as the newest has in other lists.
-- Returns the place down to which the list is whole, 0 and 0 for all of it; then for each send the
-- two numbers of its place, and its id.
local due, most = KEYS[1] .. 'due', tonumber(ARGV[3])
local after = {-tonumber(ARGV[1]), -tonumber(ARGV[2])}
local PARTS, LETTERS = 4096, 10

-- In the order of bytes, as members of one score are: digits, then letters.
local function order_of(id)
  local order = 0
  for i = 1, LETTERS do
    local byte = id:byte(i) or 48
    order = order * 36 + (byte < 58 and byte - 48 or byte - 87)
  end
  return order
end

local function place_of(id, score)
  return {tonumber(score) * PARTS, order_of(id)}
end

local function is_behind(place)
  if place[1] ~= after[1] then return place[1] > after[1] end
  return place[2] > after[2]
end

-- How many are not behind the place.
local low, high = 0, redis.call('ZCARD', due)
while low < high do
  local middle = math.floor((low + high) / 2)
  local one = redis.call('ZRANGE', due, middle, middle, 'WITHSCORES')
  if is_behind(place_of(one[1], one[2])) then high = middle else low = middle + 1 end
end

local rows, found = redis.call('ZRANGE', due, low, low + most - 1, 'WITHSCORES'), {0, 0}
for i = 1, #rows, 2 do
  local place = place_of(rows[i], rows[i + 1])
  found[#found + 1], found[#found + 2], found[#found + 3] = -place[1], -place[2], rows[i]
end
if #rows == 2 * most then found[1], found[2] = found[#found - 2], found[#found - 1] end
return found
