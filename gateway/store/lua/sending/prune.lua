-- prune: drop what is left of finished sends, oldest first: texts, then records and the list of all
-- sends, then the index entries of what is gone.
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

-- A generation is over once the one after it began before the oldest thing that it leads to; `gone`
-- is how many of its buckets went already.
local function drop_index(base, oldest)
  local last, after = unpack(redis.call('LRANGE', base, -2, -1))
  if not after then return 0 end
  last, after = after, last
  if tonumber(after:match('(%d+)$')) >= oldest then return 0 end
  local name, buckets = last:match('^(%d+):(%d+):')
  local gone = tonumber(redis.call('HGET', base .. ':count', 'gone') or 0)
  local till = math.min(tonumber(buckets), gone + MOST)
  local dropped = 0
  for i = gone, till - 1 do
    dropped = dropped + redis.call('UNLINK', base .. ':' .. name .. ':' .. string.format('%.0f', i))
  end
  if till < tonumber(buckets) then
    redis.call('HSET', base .. ':count', 'gone', till)
  else
    redis.call('RPOP', base)
    redis.call('HDEL', base .. ':count', name, 'gone')
  end
  return math.max(1, dropped)
end

local dropped = drop(number .. 'texts', ARGV[1])
for _, rank in ipairs(C.PRIORITIES) do
  dropped = dropped + drop(number .. 'done:' .. rank, rank == 'bulk' and ARGV[3] or ARGV[2])
end
dropped = dropped + drop(number .. 'listed', ARGV[2])
local oldest = math.huge
for _, rank in ipairs(C.PRIORITIES) do oldest = math.min(oldest, oldest_ms(number .. 'done:' .. rank)) end
dropped = dropped + drop_index(number .. 'index', oldest)
return dropped + drop_index(number .. 'terms', oldest_ms(number .. 'listed'))
