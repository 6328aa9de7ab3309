-- take: pass what is done in a partition, renew its lease, and take what comes next. It is one
-- script, so that a delivery is never between done and leased.
-- with: deaths
-- KEYS  1 the partition's prefix
-- ARGV  1 holder, 2 lease in ms, 3 most deliveries to read (0 for none), 4 most bytes,
--       5 "1" to release the lease, 6 fence (0 to take the lease anew),
--       7 "1" to take a partition in which a worker died,
--       8 cursor to move to ("" to leave it), 9 how many deliveries that passes,
--       10 how many events of the delivery after it are done ("" to leave that), 11 their seal,
--       12 how many events this call passes in all,
--       13 how many deferred follow as fours (entry, pause in ms, why, "1" if deferred before),
--       then entries that come back from deferral
-- Returns {fence, entries, 1 where care is needed, events done of the first entry, their seal};
-- entries as {id, header, body, tries when it was deferred or 0, deaths over it}; nil where another
-- worker holds the partition, or nothing that is wanted waits in it.
local inbox, aside = KEYS[1] .. 'inbox', KEYS[1] .. 'aside'
local holder, length, anew = ARGV[1], tonumber(ARGV[2]), ARGV[6] == '0'
local now = clock()
local row = read_cursor(KEYS[1])
-- A lease that ends in more than a lease's length was given by a clock that stepped back since.
local is_live = row.holder ~= '' and row.till > now and row.till <= now + length

if anew then
  if is_live and row.holder ~= holder then return nil end
elseif row.holder ~= holder or row.fence ~= tonumber(ARGV[6]) then
  -- The holder was slow, not dead: nothing that it held is suspected.
  redis.call('HDEL', KEYS[1] .. 'missing', holder)
  return nil
end

local function pass()
  local last = 13 + 4 * tonumber(ARGV[13])
  for i = 14, last, 4 do
    local entry, why = ARGV[i], now .. ' ' .. ARGV[i + 2]
    redis.call('HSETNX', aside .. ':why', entry .. ':first', why)
    redis.call('HSET', aside .. ':why', entry .. ':last', why)
    if ARGV[i + 3] == '1' then
      redis.call('HINCRBY', aside .. ':tries', entry, 1)
    else
      redis.call('HSETNX', aside .. ':tries', entry, 1)
    end
    set_aside(KEYS[1], entry, now + tonumber(ARGV[i + 1]))
  end
  for i = last + 1, #ARGV do
    leave_aside(KEYS[1], ARGV[i])
    redis.call('HDEL', KEYS[1] .. 'suspects', ARGV[i])
  end
  -- After a lost answer the same is passed once more, and counts once.
  if ARGV[8] ~= '' and ARGV[8] ~= row.at then
    row.at = ARGV[8]
    redis.call('HINCRBY', KEYS[1] .. 'count', 'passed', tonumber(ARGV[9]))
  end
  if ARGV[10] ~= '' then row.item, row.seal = tonumber(ARGV[10]), ARGV[11] end
  row.careful = math.max(0, row.careful - tonumber(ARGV[12]))
  redis.call('HSET', KEYS[1] .. 'cursor', 'at', row.at, 'item', row.item, 'seal', row.seal,
    'careful', row.careful, 'hand', '')
end

if not anew then pass() end
if ARGV[5] == '1' then
  let_go(KEYS[1])
  return nil
end
if anew then
  -- Slow is not dead. A holder that lost its lease is remembered until it calls again; a death is
  -- counted when its parent reports its end, or after a minute without a sign of life.
  if row.holder ~= '' and row.holder ~= holder then remember_missing(KEYS[1], row, now) end
  judge_missing(KEYS[1], row, now)
end
if row.careful > 0 and #redis.call('XRANGE', inbox, '(' .. row.at, '+', 'COUNT', 1) == 0 then
  row.careful = 0
  redis.call('HSET', KEYS[1] .. 'cursor', 'careful', 0)
end

local entries, asides, bytes = {}, {}, 0
local room, most, is_careful = tonumber(ARGV[4]), tonumber(ARGV[3]), false

local function add(entry, tries, deaths)
  entries[#entries + 1] = {entry[1], entry[2][2], entry[2][4], tries, deaths}
  bytes = bytes + #entry[2][4]
end

local function deaths_over(id)
  return tonumber(redis.call('HGET', KEYS[1] .. 'suspects', id) or 0)
end

-- One delivery alone: a worker died over it, or over the first one after the cursor.
local function take_carefully(entry, tries)
  entries, bytes, is_careful = {}, 0, true
  add(entry, tries, deaths_over(entry[1]))
  redis.call('HSET', KEYS[1] .. 'cursor', 'hand', entry[1])
end

-- Deferred deliveries that are due come first; a worker may have died over one of them.
local function take_aside()
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', aside, '-inf', now, 'LIMIT', 0, math.min(most, 4))) do
    if bytes >= room then return end
    local entry = redis.call('XRANGE', inbox, id, id)[1]
    if not entry then
      leave_aside(KEYS[1], id)
    elseif redis.call('HEXISTS', KEYS[1] .. 'suspects', id) == 0 then
      add(entry, tonumber(redis.call('HGET', aside .. ':tries', id) or 1), 0)
      asides[#asides + 1] = id
      set_aside(KEYS[1], id, now + length)
    elseif ARGV[7] == '1' and #entries == 0 then
      take_carefully(entry, tonumber(redis.call('HGET', aside .. ':tries', id) or 1))
      asides[1] = id
      return set_aside(KEYS[1], id, now + length)
    end
  end
end

local function take_waiting()
  local after, full = row.at, false
  while not full and #entries < most and bytes < room do
    -- In small steps: sixteen bodies of 3 MB must not be read to find that one is enough.
    local step = math.min(most - #entries, 16)
    if bytes == 0 then step = math.min(step, 4) end
    local batch = redis.call('XRANGE', inbox, '(' .. after, '+', 'COUNT', step)
    for _, entry in ipairs(batch) do
      full = #entries > 0 and bytes + #entry[2][4] > room
      if full then break end
      add(entry, 0, 0)
      after = entry[1]
    end
    if #batch < step then break end
  end
end

if most > 0 and row.careful > 0 then
  local entry = redis.call('XRANGE', inbox, '(' .. row.at, '+', 'COUNT', 1)[1]
  if ARGV[7] == '1' then take_carefully(entry, 0) end
elseif most > 0 then
  take_aside()
  if not is_careful then take_waiting() end
end

if most > 0 and #entries == 0 then
  -- A worker that only looks does not write to an idle partition.
  if row.holder ~= '' and (row.holder == holder or not is_live) then let_go(KEYS[1]) end
  return nil
end
if anew then row.fence = row.fence + 1 end
redis.call('HSET', KEYS[1] .. 'cursor', 'holder', holder, 'till', now + length, 'fence', row.fence)
if most > 0 then redis.call('HSET', KEYS[1] .. 'cursor', 'asides', table.concat(asides, ' ')) end
is_careful = is_careful or most == 0 and row.careful > 0
return {row.fence, entries, is_careful and 1 or 0, row.item, row.seal}
