-- prune: drop what is left of finished sends, oldest first: texts, then records, then the index
-- entries of records that are gone.
-- KEYS  1 the number's prefix
-- ARGV  1 ms that texts live at least, 2 that records of replies and notices do, 3 of bulk sends, 4 which part
--       of each may go at once: 8 is an eighth
-- Returns how many went, a bounded number: 0 when nothing is left to drop.
local number, now = KEYS[1], clock()
local MOST = 1000

local function drop(stream, lifetime)
  local share = math.ceil(redis.call('XLEN', stream) / tonumber(ARGV[4]))
  local most = math.min(MOST, math.max(100, share))
  local limit = string.format('%.0f', math.max(0, now - tonumber(lifetime)))
  -- Whole nodes first, which is cheap and has its own limit; then the few entries that are left.
  local dropped = redis.call('XTRIM', stream, 'MINID', '~', limit, 'LIMIT', most)
  return dropped > 0 and dropped or redis.call('XTRIM', stream, 'MINID', limit)
end

local function oldest_ms(stream)
  local first = redis.call('XRANGE', stream, '-', '+', 'COUNT', 1)[1]
  return first and tonumber(first[1]:match('^%d+')) or math.huge
end

-- A generation is over once the one after it began before the oldest record; `gone` is how many of
-- its buckets went already.
local function drop_index()
  local list = number .. 'index'
  local last, after = unpack(redis.call('LRANGE', list, -2, -1))
  if not after then return 0 end
  last, after = after, last
  local began, oldest = tonumber(after:match('(%d+)$')), math.huge
  for _, rank in ipairs(C.PRIORITIES) do oldest = math.min(oldest, oldest_ms(number .. 'done:' .. rank)) end
  if began >= oldest then return 0 end
  local name, buckets = last:match('^(%d+):(%d+):')
  local gone = tonumber(redis.call('HGET', number .. 'index:count', 'gone') or 0)
  local till = math.min(tonumber(buckets), gone + MOST)
  local dropped = 0
  for i = gone, till - 1 do
    dropped = dropped + redis.call('UNLINK', number .. 'index:' .. name .. ':' .. string.format('%.0f', i))
  end
  if till < tonumber(buckets) then
    redis.call('HSET', number .. 'index:count', 'gone', till)
  else
    redis.call('RPOP', list)
    redis.call('HDEL', number .. 'index:count', name, 'gone')
  end
  return math.max(1, dropped)
end

local dropped = drop(number .. 'texts', ARGV[1])
for _, rank in ipairs(C.PRIORITIES) do
  dropped = dropped + drop(number .. 'done:' .. rank, rank == 'bulk' and ARGV[3] or ARGV[2])
end
return dropped + drop_index()
