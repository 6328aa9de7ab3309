-- oldest_forwards: the forwards of a receiver that wait beyond what it may hold back.
-- with: forwards
-- KEYS  1 the number's prefix
-- ARGV  1 receiver, 2 how long a forward may wait in ms, 3 how many bytes they may take together (0
--       for no bound), 4 most
-- Returns {id, place, copy ("" for none), ...}, the oldest first.
local number, receiver = KEYS[1], ARGV[1]
local now = clock()
local queue = forwards_of(number, receiver)
local size, most_size = tonumber(redis.call('HGET', queue, 'size') or 0), tonumber(ARGV[3])
local found = {}

local waiting = redis.call('ZRANGE', queue .. ':waiting', 0, tonumber(ARGV[4]) - 1, 'WITHSCORES')
for i = 1, #waiting, 2 do
  local id = waiting[i]
  local is_crowded = most_size > 0 and size > most_size
  if not is_crowded and tonumber(waiting[i + 1]) + ARGV[2] > now then break end
  local row = read_forward(number, id)
  if row and row.stage == 'waiting' then
    size = size - row.size
    for _, value in ipairs({id, row.place, row.copy or ''}) do found[#found + 1] = value end
  else
    drop_from_queue(number, receiver, now, id, row)
  end
end
return found
