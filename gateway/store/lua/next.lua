-- next: pass what is done in a partition, and take what comes next. One script, so that a
-- delivery is never between done and leased.
-- KEYS  1 the partition's prefix
-- ARGV  1 holder, 2 lease in ms, 3 most deliveries, 4 most bytes, 5 "1" to let go,
--       6 fence (0 to take the lease anew), 7 cursor to move to ("" to leave it),
--       8 how many deliveries that passes,
--       9 how many set aside follow as triples (entry, pause in ms, why), then entries that come
--       back from aside
-- Returns {fence, entries, 1 if one of them may kill its worker}, entries as {id, header, body, tries
-- when it was aside or 0}; nil where somebody else holds the partition or nothing waits in it.
local lease, inbox, aside = KEYS[1] .. 'lease', KEYS[1] .. 'inbox', KEYS[1] .. 'aside'
local holder, length = ARGV[1], tonumber(ARGV[2])
local now = clock()
local state = redis.call('HMGET', lease, 'holder', 'till', 'fence', 'cursor')
local till, fence, cursor = tonumber(state[2] or 0), tonumber(state[3] or 0), state[4] or '0-0'
-- A lease that ends further away than a lease is long was given by a clock that stepped back.
local held = state[1] and state[1] ~= '' and till > now and till <= now + length

if ARGV[6] ~= '0' then
  if state[1] ~= holder or fence ~= tonumber(ARGV[6]) then return nil end
  local last = 9 + 3 * tonumber(ARGV[9])
  for i = 10, last, 3 do
    local why = now .. ' ' .. ARGV[i + 2]
    redis.call('HSETNX', aside .. ':why', ARGV[i] .. ':first', why)
    redis.call('HSET', aside .. ':why', ARGV[i] .. ':last', why)
    redis.call('HINCRBY', aside .. ':tries', ARGV[i], 1)
    set_aside(KEYS[1], ARGV[i], now + tonumber(ARGV[i + 1]))
  end
  for i = last + 1, #ARGV do leave_aside(KEYS[1], ARGV[i]) end
  if ARGV[7] ~= '' then
    cursor = ARGV[7]
    redis.call('HSET', lease, 'cursor', cursor)
    redis.call('HINCRBY', KEYS[1] .. 'count', 'passed', tonumber(ARGV[8]))
  end
elseif held and state[1] ~= holder then
  return nil
end

if ARGV[5] == '1' then
  redis.call('DEL', KEYS[1] .. 'suspects')
  redis.call('HSET', lease, 'holder', '', 'till', 0)
  return nil
end

-- Who never gave the lease back has died over something in the batch that it held. That is read
-- again one delivery at a time, until the cursor has passed it.
if ARGV[6] == '0' and state[1] and state[1] ~= '' and state[1] ~= holder then
  local batch = redis.call('XRANGE', inbox, '(' .. cursor, '+', 'COUNT', ARGV[3])
  if #batch > 0 then redis.call('HSET', lease, 'careful', batch[#batch][1]) end
end
local careful = redis.call('HGET', lease, 'careful')
if careful and #redis.call('XRANGE', inbox, '(' .. cursor, careful, 'COUNT', 1) == 0 then
  redis.call('DEL', KEYS[1] .. 'suspects')
  redis.call('HDEL', lease, 'careful')
  careful = false
end

local entries, bytes = {}, 0
local most, room = careful and 1 or tonumber(ARGV[3]), tonumber(ARGV[4])
for _, id in ipairs(redis.call('ZRANGEBYSCORE', aside, '-inf', now, 'LIMIT', 0, math.min(most, 4))) do
  if bytes >= room then break end
  local found = redis.call('XRANGE', inbox, id, id)[1]
  if found then
    local tries = redis.call('HGET', aside .. ':tries', id)
    entries[#entries + 1] = {id, found[2][2], found[2][4], tonumber(tries or 1)}
    bytes = bytes + #found[2][4]
    set_aside(KEYS[1], id, now + length)
  else
    leave_aside(KEYS[1], id)
  end
end
local after, full = cursor, false
while not full and #entries < most and bytes < room do
  -- In small steps: sixteen bodies of three megabytes must not be read to find that one is enough.
  local step = math.min(most - #entries, 16)
  if bytes == 0 then step = math.min(step, 4) end
  local found = redis.call('XRANGE', inbox, '(' .. after, '+', 'COUNT', step)
  for _, entry in ipairs(found) do
    full = #entries > 0 and bytes + #entry[2][4] > room
    if full then break end
    entries[#entries + 1] = {entry[1], entry[2][2], entry[2][4], 0}
    bytes = bytes + #entry[2][4]
    after = entry[1]
  end
  if #found < step then break end
end

if #entries == 0 then
  if state[1] == holder then redis.call('HSET', lease, 'holder', '', 'till', 0) end
  return nil
end
if ARGV[6] == '0' then fence = fence + 1 end
redis.call('HSET', lease, 'holder', holder, 'till', now + length, 'fence', fence)
return {fence, entries, careful and 1 or 0}
