-- erase_contact: remove what a number has of a customer under their names, which are of one contact,
-- or of several that were never joined.
-- with: unreachable
-- KEYS  1 the number's prefix
-- ARGV  1 since when they want no marketing in ms ("" where they do not say), 2 random bytes for a
--       number that has no salt yet, 3 how many contacts follow as pairs of key and version that was
--       read ("" for none), then all names
-- Returns 1 when done, 0 where a contact changed since it was read, -1 where a send of theirs waits
-- still, or a commit is to be finished first.
-- The opt-out is kept first, so that a failure half-way forgets none.
local number, since, first = KEYS[1], ARGV[1], 4 + 2 * tonumber(ARGV[3])

-- Keep since when a name wants no marketing, as a salted digest, or forget it where that is "". A
-- contact that has one of these names begins with the opt-out (`contact_of`).
local function keep_opt_out(name)
  local list = number .. 'opted_out'
  if since ~= '' then redis.call('HSETNX', list, 'salt', ARGV[2]) end
  local salt = redis.call('HGET', list, 'salt')
  if not salt then return end
  local digest = opt_out_digest(salt, name)
  if since ~= '' then redis.call('HSET', list, digest, since) else redis.call('HDEL', list, digest) end
end

for i = 4, first - 1, 2 do
  if (redis.call('HGET', number .. 'contact:' .. ARGV[i], 'version') or '') ~= ARGV[i + 1] then return 0 end
end
for i = first, #ARGV do
  local name = ARGV[i]
  if redis.call('HEXISTS', number .. 'contact:' .. name, 'redo') == 1 then return -1 end
  for _, rank in ipairs(C.PRIORITIES) do
    if redis.call('EXISTS', number .. 'lane:' .. rank .. ':' .. name) == 1 then return -1 end
  end
end

for i = first, #ARGV do keep_opt_out(ARGV[i]) end
for i = first, #ARGV do
  local name = ARGV[i]
  for _, rank in ipairs(C.PRIORITIES) do
    redis.call('ZREM', number .. 'ready:' .. rank, name)
    redis.call('DEL', number .. 'doubts:' .. rank .. ':' .. name)
  end
  redis.call('DEL', number .. 'pair:' .. name, number .. 'parked:' .. name, number .. 'records:' .. name)
  redis.call('ZREM', number .. 'handed_over', name)
  guarded(redis.call, 'HDEL', unreachable_slot(number, name))
end
for i = first, #ARGV do redis.call('DEL', number .. 'contact:' .. ARGV[i]) end
return 1
