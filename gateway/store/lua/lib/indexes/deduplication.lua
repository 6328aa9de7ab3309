-- Deduplication by known events. A generation is four days of server time; an event is looked up in
-- the current one and the two before, and written into the current.
-- A generation is a hash table that grows: `{n}known:<generation>` holds its `size` in buckets
-- and how many `ids` are in them, `{n}known:<generation>/<bucket>` is a bucket: the last 12 bytes
-- of a digest -> place. It begins with FEWEST buckets, and for each FILL ids one bucket is split in
-- two, in turn (linear hashing). So an id costs the same however many came in the generations
-- before, a look-up reads one bucket of each, and no commit does more than split a bucket of a
-- hundred ids. A server keeps a hash packed up to 512 fields (the default from Redis 6.2 to Valkey
-- 9). A bucket that is due to be split holds 2 * FILL on average: at a spread of 11 none comes near
-- to that.
local GENERATION, FILL, FEWEST = 4 * C.DAY_MS, 64, 16

local function bucket_key(number, generation, at)
  return number .. 'known:' .. generation .. '/' .. at
end

-- Number of buckets when the present round of splits began.
local function buckets_before(size)
  local _, exponent = math.frexp(size)
  return 2 ^ (exponent - 1)
end

local function bucket_of(size, id)
  local before = buckets_before(size)
  local at = struct.unpack('>I4', id) % (2 * before)
  return at < size and at or at - before
end

-- The tables that this script has read.
local tables = {}
local function known_table(number, generation)
  if not tables[generation] then
    local row = redis.call('HMGET', number .. 'known:' .. generation, 'size', 'ids', 'buckets')
    tables[generation] = {size = tonumber(row[1] or 0), ids = tonumber(row[2] or 0),
      fixed = tonumber(row[3] or 0)}
  end
  return tables[generation]
end

-- Layout 1 gave a generation a fixed number of `buckets`, by the first 4 bytes of the digest. They
-- are read here until they expire; layout 1 cannot read ours, so the layout keeps it out.
local function known_place(number, now, digest)
  local id, current = digest:sub(5), math.floor(now / GENERATION)
  for generation = current, current - 2, -1 do
    local known, place = known_table(number, generation), false
    if known.size > 0 then
      place = redis.call('HGET', bucket_key(number, generation, bucket_of(known.size, id)), id)
    end
    if not place and known.fixed > 0 then
      local at = struct.unpack('>I4', digest) % known.fixed
      place = redis.call('HGET', number .. 'known:' .. generation .. ':' .. at, id)
    end
    if place then return place end
  end
  return false
end

-- Pass many fields to one command, which is several times cheaper than one by one.
local function call_with(command, key, args)
  for i = 1, #args, 200 do
    redis.call(command, key, unpack(args, i, math.min(i + 199, #args)))
  end
end

-- Split the next bucket. Fields that move are copied, then the size says where they are, then they
-- are removed from the old place: a failure in between is repeated, or leaves an id in two places.
local function split_bucket(number, generation, known)
  local from, into = known.size - buckets_before(known.size), known.size
  local old, new = bucket_key(number, generation, from), bucket_key(number, generation, into)
  local rows, copied, left = redis.call('HGETALL', old), {}, {}
  for i = 1, #rows, 2 do
    local at = bucket_of(known.size + 1, rows[i])
    if at == into then
      copied[#copied + 1] = rows[i]
      copied[#copied + 1] = rows[i + 1]
    end
    if at ~= from then left[#left + 1] = rows[i] end
  end
  call_with('HSET', new, copied)
  redis.call('PEXPIREAT', new, (generation + 3) * GENERATION)
  redis.call('HSET', number .. 'known:' .. generation, 'size', known.size + 1)
  call_with('HDEL', old, left)
  known.size = known.size + 1
end

-- Write an event into the current generation; return whether it is new in it.
local function know(number, now, digest, place)
  local id, generation = digest:sub(5), math.floor(now / GENERATION)
  local known, header = known_table(number, generation), number .. 'known:' .. generation
  if known.size == 0 then
    known.size = FEWEST
    redis.call('HSET', header, 'size', FEWEST)
    redis.call('PEXPIREAT', header, (generation + 4) * GENERATION)
  end
  local bucket = bucket_key(number, generation, bucket_of(known.size, id))
  local is_new = redis.call('HSET', bucket, id, place) == 1
  if redis.call('PTTL', bucket) < 0 then
    redis.call('PEXPIREAT', bucket, (generation + 3) * GENERATION)
  end
  if is_new then known.ids = redis.call('HINCRBY', header, 'ids', 1) end
  if known.ids >= known.size * FILL then split_bucket(number, generation, known) end
  return is_new
end
