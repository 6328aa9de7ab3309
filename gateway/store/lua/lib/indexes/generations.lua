-- Generations of an index, newest first in the list `<base>` as "<generation>:<buckets>:<when it
-- began>"; a bucket is the key `<base>:<generation>:<bucket>`. `<base>:count` has how many things
-- each generation holds.
-- A spot is 12 bytes of a digest: 4 that choose the bucket, 8 that stand in it.
local GENERATION_MS, GROWS = 4 * C.DAY_MS, 4
local MOST_BUCKETS = 1048576
local INDEX_LIVES = C.MONTH_MS + 6 * C.DAY_MS -- the 30 days of an entry after the 4 of its generation

local function spot_of(name)
  local hex = redis.sha1hex(name)
  return struct.pack('>I4I4I4', tonumber(hex:sub(1, 8), 16), tonumber(hex:sub(9, 16), 16),
    tonumber(hex:sub(17, 24), 16))
end

local function index_bucket(base, generation, spot)
  local name, buckets = generation:match('^(%d+):(%d+):')
  local at = struct.unpack('>I4', spot) % tonumber(buckets)
  return base .. ':' .. name .. ':' .. string.format('%.0f', at)
end

-- A generation that fills up before its time is followed by one of four times as many buckets; it is
-- full when a bucket has so many on average.
local function generation_now(base, now, fewest, full)
  local latest = redis.call('LINDEX', base, 0)
  local name, buckets, began, count = 0, fewest, 0, 0
  if latest then
    name, buckets, began = latest:match('^(%d+):(%d+):(%d+)$')
    name, buckets, began = tonumber(name), tonumber(buckets), tonumber(began)
    count = tonumber(redis.call('HGET', base .. ':count', name) or 0)
    local is_full, is_old = count >= full * buckets, math.abs(now - began) >= GENERATION_MS
    if not (is_full or is_old) then return latest end
    buckets = is_full and GROWS * buckets or math.max(fewest, math.ceil(count / full))
  end
  local next_one = string.format('%.0f:%.0f:%.0f', name + 1, math.min(MOST_BUCKETS, buckets), now)
  redis.call('LPUSH', base, next_one)
  return next_one
end
