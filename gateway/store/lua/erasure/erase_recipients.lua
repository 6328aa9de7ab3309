-- erase_recipients: write a chunk of an audience without the rows of an erased customer.
-- with: recipients, recipients_by_contact
-- KEYS  1 the number's prefix
-- ARGV  1 the chunk's key, 2 what was read of it, 3 what to write, 4 campaign, 5 audience of the chunk,
--       6 how many positions of the customer's rows in the audience follow, then all names
-- Returns 1 when written, 0 where the chunk is gone, or another process was faster.
local number, campaign, names = KEYS[1], KEYS[1] .. 'campaign:' .. ARGV[4], 7 + tonumber(ARGV[6])
if redis.call('GET', ARGV[1]) ~= ARGV[2] then return 0 end

-- First those who wait: a worker that has read the chunk before queues none of them any more.
local ACTIVE = {scheduled = true, running = true, paused = true}
local read = redis.call('HMGET', campaign, 'phase', 'audience')
if ACTIVE[read[1]] and read[2] == ARGV[5] then
  for i = 7, names - 1 do
    local row = tonumber(ARGV[i])
    local send = string.format('%s%s%011.0f', C.CAMPAIGN_MARK, ARGV[4], row)
    if read_recipient(campaign, row) == 0 then move_recipient(number, send, 'cancelled') end
  end
end
local buckets = buckets_by_contact(campaign)
for i = names, #ARGV do redis.call('HDEL', slot_by_contact(campaign, buckets, ARGV[i])) end
-- Last, since the chunk leads here.
redis.call('SET', ARGV[1], ARGV[3], 'KEEPTTL')
return 1
