-- Recipients by contact: which recipients of a campaign were queued, and when, found by contact: whoever writes to
-- the number may answer it from then on. A bucket of `{n}campaign:<id>:by_contact` is a hash of some
-- 60 small values, by 6 bytes of the name's digest: the recipient in 3, the second in 4.
-- `{n}campaigned` has the campaigns of the number by when they last queued somebody.
local VALUE = '>I3I4'

local function buckets_by_contact(campaign)
  local recipients = tonumber(redis.call('HGET', campaign, 'recipients') or 0)
  return math.ceil(math.max(1, recipients) / C.RECIPIENTS_PER_BUCKET)
end

local function slot_by_contact(campaign, buckets, name)
  local hex = redis.sha1hex(name)
  return campaign .. ':by_contact:' .. tonumber(hex:sub(1, 8), 16) % buckets,
    struct.pack('>I3I3', tonumber(hex:sub(9, 14), 16), tonumber(hex:sub(15, 20), 16))
end

local function note_recipient_by_contact(campaign, buckets, name, row, now)
  local bucket, field = slot_by_contact(campaign, buckets, name)
  redis.call('HSET', bucket, field, struct.pack(VALUE, row, math.floor(now / 1000)))
  redis.call('PEXPIRE', bucket, C.MONTH_MS)
end

-- Return the recipient of a name and the second in which they were queued, nil for nobody.
local function find_by_contact(campaign, buckets, name)
  local bucket, field = slot_by_contact(campaign, buckets, name)
  local value = redis.call('HGET', bucket, field)
  if value then return struct.unpack(VALUE, value) end
end

local function note_campaign(number, id, now)
  local campaigned = number .. 'campaigned'
  redis.call('ZREMRANGEBYSCORE', campaigned, '-inf', now - C.MONTH_MS)
  redis.call('ZADD', campaigned, now, id)
  redis.call('PEXPIRE', campaigned, C.MONTH_MS)
end
